import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import {
  type Comparison,
  type JsonPath,
  type JsonPathTemplate,
  OPERATORS,
  type Operand,
  type Operator,
  type PathStep,
  type TemplatePart,
} from './json-path.ts';

const END = /\{\s*end\s*\}/y;
const QUOTED_ACTION = /\{\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*\}/sy;
const ACTION = /\{\s*(range\s+)?/y;
const CLOSE_BRACE = /\s*\}/y;
/** Up to the probable end of an action. */
const ANYTHING = /\{[^}]*\}?/y;

const MAX_TEMPLATE = 64 * 1024;
const MAX_RANGES = 32;

const KNOWN = [
  String.raw`supported are {.a.b}, {.a\.b}, {['a.b']}, {.a[0]}, {.a[*]}, {.a[0:2]}, {['a','b']}, {..a},`,
  String.raw`{.a[?(@.b=="c")]}, {range .a[*]}${'…'}{end} and {"\n"}`,
].join(' ');

/** The parts so far of the template, or of a range without its end yet. */
type Open = { readonly path: JsonPath | undefined; readonly parts: TemplatePart[] };

/** Unlike kubectl, reads a quoted key in brackets as one key, with backslashes or not, and refuses likely mistakes. */
export function parseJsonPath(template: string, field: string): Parsed<JsonPathTemplate> {
  if (template.length > MAX_TEMPLATE) return faulty([{ field, message: 'is longer than 64 KiB' }]);
  return new TemplateReader(template, field).read();
}

/** Parses one path, with or without braces and the first dot, as kubectl does for `--sort-by` and custom columns. */
export function parseRelaxedPath(text: string, field: string): Parsed<JsonPath> {
  const path = text.replace(/^\{(.*)\}$/s, '$1');
  const template = parseJsonPath(/^[.[$@]/.test(path) ? `{${path}}` : `{.${path}}`, field);
  if (!template.ok) return template;
  const [part, ...more] = template.value.parts;
  if (part?.kind === 'path' && part.path.steps.length > 0 && more.length === 0) return parsed(part.path);
  return faulty([{ field, message: `"${text}" must be one path, such as .metadata.name` }]);
}

class TemplateReader {
  readonly #template: string;
  readonly #field: string;
  readonly #faults: Fault[] = [];
  readonly #top: Open = { path: undefined, parts: [] };
  readonly #ranges: Open[] = [];
  #at = 0;

  constructor(template: string, field: string) {
    this.#template = template;
    this.#field = field;
  }

  read(): Parsed<JsonPathTemplate> {
    if (!this.#template.includes('{')) this.#refuse(`has no {…}; ${KNOWN}`);
    while (this.#at < this.#template.length) {
      const brace = this.#template.indexOf('{', this.#at);
      const text = this.#template.slice(this.#at, brace < 0 ? undefined : brace);
      this.#at += text.length;
      if (text !== '') this.#add({ kind: 'text', text });
      if (brace >= 0) this.#readBraces();
    }
    for (const { path } of this.#ranges) this.#refuse(`{range ${path?.source}} has no {end}`);
    return this.#faults.length > 0 ? faulty(this.#faults) : parsed({ parts: this.#top.parts });
  }

  #readBraces(): void {
    const quoted = this.#take(QUOTED_ACTION);
    if (quoted !== null) this.#addQuoted(quoted[0], quoted[1] ?? '');
    else if (this.#take(END) !== null) this.#endRange();
    else this.#readAction();
  }

  #addQuoted(action: string, quoted: string): void {
    const text = unquoted(quoted);
    if (text === undefined) this.#refuse(`"${action}" has an unknown escape; write \\\\ for a backslash`);
    else this.#add({ kind: 'text', text });
  }

  #readAction(): void {
    const start = this.#at;
    const isRange = this.#take(ACTION)?.[1] !== undefined;
    const reader = new PathReader(this.#template, this.#at);
    const steps = reader.readPath();
    const path = { source: this.#template.slice(this.#at, reader.at), steps: steps ?? [] };
    if (steps === undefined || reader.take(CLOSE_BRACE) === undefined) {
      this.#at = start;
      const action = this.#take(ANYTHING)?.[0] ?? '';
      const why = action.endsWith('}') ? (reader.refusal ?? 'is invalid') : 'has no closing brace';
      this.#refuse(`"${action}" ${why}; ${KNOWN}`);
      return;
    }
    this.#at = reader.at;
    if (!isRange) this.#add({ kind: 'path', path });
    else if (this.#ranges.push({ path, parts: [] }) > MAX_RANGES) {
      this.#refuse(`nests more than ${MAX_RANGES} ranges`);
    }
  }

  #endRange(): void {
    const range = this.#ranges.pop();
    if (range?.path === undefined) this.#refuse('{end} has no {range …} before it');
    else this.#add({ kind: 'range', path: range.path, body: range.parts });
  }

  #add(part: TemplatePart): void {
    (this.#ranges.at(-1) ?? this.#top).parts.push(part);
  }

  #refuse(message: string): void {
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ field: this.#field, message });
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#template);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }
}

const MAX_FAULTS = 20;

const BLANKS = /\s*/y;
const ROOT = /[$@]/y;
/** The first of two dots; the second begins the next step. */
const DOWN = /\.(?=\.)/y;
const EVERY = /\.\*/y;
/** `.name`, with a backslash before a character that would end the name. */
const NAME = /\.((?:\\.|[^\s.,[\]$@{}()?*:"'\\=<>!])+)/sy;
/** Adds nothing. */
const LONE_DOT = /\.(?=[\s}[)=<>!]|$)/y;
const OPEN = /\[/y;
const CLOSE_BRACKET = /\s*\]/y;
const COMMA = /\s*,/y;
const STAR = /\s*\*/y;
const FILTER = /\s*\?\s*\(/y;
const KEY = /\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/sy;
const RANGE = /\s*(-?\d{1,9})?(?:(:)(-?\d{1,9})?(?::(-?\d{1,9})?)?)?/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy;
const WORD = /(?:true|false|[-+]?\d+(?:\.\d+)?)(?=[\s)=<>!])/y;
const OPERATOR = new RegExp(`(?:${OPERATORS.join('|')})(?![=<>!~])`, 'y');

/** As in kubectl, a filter cannot contain a filter, so brackets nest two deep. */
type Where = 'path' | 'filter';

/** Keeps only the first error: later ones follow from it. */
class PathReader {
  readonly #text: string;
  at: number;
  refusal: string | undefined;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.at = pattern.lastIndex;
    return found;
  }

  /** Reads at least one step, or `$` or `@`, the current value. Undefined after an error. */
  readPath(where: Where = 'path'): PathStep[] | undefined {
    const isRooted = this.take(ROOT) !== undefined;
    const start = this.at;
    const steps: PathStep[] = [];
    for (;;) {
      const step = this.#readStep(where, steps.at(-1));
      if (step === undefined) break;
      if (step !== 'none') steps.push(step);
    }
    if (this.refusal !== undefined) return undefined;
    return isRooted || this.at > start ? steps : this.#refuse('is invalid');
  }

  #readStep(where: Where, before: PathStep | undefined): PathStep | 'none' | undefined {
    if (this.take(DOWN) !== undefined) {
      return before?.kind === 'down' ? this.#refuse('has more than two dots in a row') : { kind: 'down' };
    }
    if (this.take(EVERY) !== undefined) return { kind: 'every' };
    const name = this.take(NAME)?.[1];
    if (name !== undefined) return { kind: 'field', name: withoutBackslashes(name) };
    if (this.take(LONE_DOT) !== undefined) return 'none';
    return this.take(OPEN) === undefined ? undefined : this.#readBrackets(where);
  }

  #readBrackets(where: Where): PathStep | undefined {
    if (this.take(FILTER) !== undefined) {
      return where === 'filter'
        ? this.#refuse('has a filter inside a filter, which is not supported')
        : this.#readFilter();
    }
    const members: PathStep[] = [];
    do {
      const member = this.#readMember();
      if (member === undefined) return undefined;
      members.push(member);
    } while (this.take(COMMA) !== undefined);
    if (this.take(CLOSE_BRACKET) === undefined) return this.#refuse('has invalid brackets');
    return members.length === 1 ? members[0] : { kind: 'union', members };
  }

  #readMember(): PathStep | undefined {
    if (this.take(STAR) !== undefined) return { kind: 'every' };
    const key = this.take(KEY);
    if (key !== undefined) return { kind: 'field', name: withoutBackslashes(key[1] ?? key[2] ?? '') };
    const [, first, colon, end, step = '1'] = this.take(RANGE) ?? [];
    if (colon === undefined) {
      if (first === undefined) return this.#refuse('has invalid brackets');
      return { kind: 'index', index: Number(first) };
    }
    if (Number(step) < 1) return this.#refuse('is a slice with a step below 1');
    const last = end === undefined ? undefined : Number(end);
    return { kind: 'slice', start: Number(first ?? 0), end: last, step: Number(step) };
  }

  #readFilter(): PathStep | undefined {
    const left = this.#readOperand();
    if (left === undefined) return undefined;
    const operator = this.take(OPERATOR)?.[0] as Operator | undefined;
    let comparison: Comparison | undefined;
    if (operator !== undefined) {
      const right = this.#readOperand();
      if (right === undefined) return undefined;
      comparison = { operator, right };
    }
    if (this.take(/\)\s*\]/y) !== undefined) return { kind: 'filter', filter: { left, comparison } };
    return this.#refuse(`is an invalid filter; ${FILTER_RULE}`);
  }

  #readOperand(): Operand | undefined {
    this.take(BLANKS);
    const operand = this.#readConstant() ?? this.#readOwnPath();
    this.take(BLANKS);
    return operand;
  }

  #readConstant(): Operand | undefined {
    const quoted = this.take(QUOTED)?.[0];
    if (quoted !== undefined) {
      const text = unquoted(quoted);
      return text === undefined ? this.#refuse('has an unknown escape in quotes') : { constant: text };
    }
    const word = this.take(WORD)?.[0];
    if (word === undefined) return undefined;
    return { constant: word === 'true' || word === 'false' ? word === 'true' : Number(word) };
  }

  #readOwnPath(): Operand | undefined {
    if (this.refusal !== undefined) return undefined;
    const path = this.readPath('filter');
    if (path !== undefined) return { path };
    if (this.refusal === 'is invalid') this.refusal = `is an invalid filter; ${FILTER_RULE}`;
    return undefined;
  }

  #refuse(why: string): undefined {
    this.refusal ??= why;
  }
}

const FILTER_RULE = `write [?(@.type=="Opaque")] or [?(@.key)]; operators are ${OPERATORS.join(' ')}, not && and ||`;

function withoutBackslashes(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|(.)|$)/gs;

/** Decodes the escapes of Go's strings; undefined for an unknown one. `\xNN` and `\NNN` are characters, not bytes. */
function unquoted(quoted: string): string | undefined {
  const quote = quoted.charAt(0);
  let isKnown = true;
  const text = quoted.slice(1, -1).replace(ESCAPE, (_, byte, short, long, octal, character) => {
    const hex: string | undefined = byte ?? short ?? long;
    const code = hex === undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex, 16);
    if (code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000)) return String.fromCodePoint(code);
    const meant = character === quote ? quote : SIMPLE[character];
    if (meant === undefined) isKnown = false;
    return meant ?? '';
  });
  return isKnown ? text : undefined;
}

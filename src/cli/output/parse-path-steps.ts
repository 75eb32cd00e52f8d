import { type Comparison, OPERATORS, type Operand, type Operator, type PathStep } from './json-path-steps.ts';
import { unquoted } from './unquote.ts';

const BLANKS = /\s*/y;
const ROOT = /[$@]/y;
/** The first of two dots; the second begins the next step. */
const DOWN = /\.(?=\.)/y;
const EVERY = /\.\*/y;
/** `.name`, with a backslash before what would end the name. */
const NAME = /\.((?:\\.|[^\s.,[\]$@{}()?*:"'\\=<>!])+)/sy;
/** Adds nothing. */
const LONE_DOT = /\.(?=[\s}[)=<>!]|$)/y;
const OPEN = /\[/y;
const CLOSE = /\s*\]/y;
const COMMA = /\s*,/y;
const STAR = /\s*\*/y;
const FILTER = /\s*\?\s*\(/y;
const KEY = /\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/sy;
const RANGE = /\s*(-?\d{1,9})?(?:(:)(-?\d{1,9})?(?::(-?\d{1,9})?)?)?/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy;
const WORD = /(?:true|false|[-+]?\d+(?:\.\d+)?)(?=[\s)=<>!])/y;
const OPERATOR = new RegExp(`(?:${OPERATORS.join('|')})(?![=<>!~])`, 'y');

/** Filters cannot hold filters, as in kubectl: brackets go two deep and no deeper. */
type Where = 'path' | 'filter';

/** Reads a text from its beginning to its end. What is refused first is told: what comes behind follows from it. */
export class PathReader {
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

  /** At least one step, or `$` or `@`: the current value. Undefined when it is refused. */
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
    return isRooted || this.at > start ? steps : this.#refuse('is not understood');
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
      return where === 'filter' ? this.#refuse('has a filter in a filter, which is not known') : this.#readFilter();
    }
    const members: PathStep[] = [];
    do {
      const member = this.#readMember();
      if (member === undefined) return undefined;
      members.push(member);
    } while (this.take(COMMA) !== undefined);
    if (this.take(CLOSE) === undefined) return this.#refuse('has brackets that are not understood');
    return members.length === 1 ? members[0] : { kind: 'union', members };
  }

  #readMember(): PathStep | undefined {
    if (this.take(STAR) !== undefined) return { kind: 'every' };
    const key = this.take(KEY);
    if (key !== undefined) return { kind: 'field', name: withoutBackslashes(key[1] ?? key[2] ?? '') };
    const [, first, colon, end, step = '1'] = this.take(RANGE) ?? [];
    if (colon === undefined) {
      if (first === undefined) return this.#refuse('has brackets that are not understood');
      return { kind: 'index', index: Number(first) };
    }
    if (Number(step) < 1) return this.#refuse('is a slice whose step is not above 0');
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
    return this.#refuse(`is a filter that is not understood; ${FILTER_RULE}`);
  }

  /** With the blanks around it. */
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
      return text === undefined ? this.#refuse('has a backslash in quotes that means nothing') : { constant: text };
    }
    const word = this.take(WORD)?.[0];
    if (word === undefined) return undefined;
    return { constant: word === 'true' || word === 'false' ? word === 'true' : Number(word) };
  }

  #readOwnPath(): Operand | undefined {
    if (this.refusal !== undefined) return undefined;
    const path = this.readPath('filter');
    if (path !== undefined) return { path };
    if (this.refusal === 'is not understood') this.refusal = `is a filter that is not understood; ${FILTER_RULE}`;
    return undefined;
  }

  #refuse(why: string): undefined {
    this.refusal ??= why;
  }
}

const FILTER_RULE = `write [?(@.type=="Opaque")]; known are ${OPERATORS.join(' ')}, and @.key alone, not && and ||`;

function withoutBackslashes(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}

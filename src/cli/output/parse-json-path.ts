import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import type { JsonPath, JsonPathTemplate, TemplatePart } from './json-path.ts';
import { PathReader } from './parse-path-steps.ts';
import { unquoted } from './unquote.ts';

const END = /\{\s*end\s*\}/y;
const QUOTED = /\{\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*\}/sy;
const ACTION = /\{\s*(range\s+)?/y;
const CLOSE = /\s*\}/y;
/** To the end of what was probably meant as one. */
const ANYTHING = /\{[^}]*\}?/y;

const MOST_TEMPLATE = 64 * 1024;
const MOST_RANGES = 32;

const KNOWN = String.raw`known are {.a.b}, {.a\.b}, {['a.b']}, {.a[0]}, {.a[*]}, {.a[0:2]}, {['a','b']}, {..a}, {.a[?(@.b=="c")]}, {range .a[*]}…{end} and {"\n"}`;

/** Parts as they are collected: those of the template, or of a range that has not ended yet. */
type Open = { readonly path: JsonPath | undefined; readonly parts: TemplatePart[] };

/**
 * A template of kubectl's `-o jsonpath`: text, paths, texts in quotes and ranges. Unlike kubectl's, a quoted key in
 * brackets is one key with or without backslashes, and what is probably a mistake is a fault.
 */
export function parseJsonPath(template: string, field: string): Parsed<JsonPathTemplate> {
  if (template.length > MOST_TEMPLATE) return faulty([{ field, message: 'is longer than 64 KiB' }]);
  return new TemplateReader(template, field).read();
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
    const quoted = this.#take(QUOTED);
    if (quoted !== null) this.#addQuoted(quoted[0], quoted[1] ?? '');
    else if (this.#take(END) !== null) this.#endRange();
    else this.#readAction();
  }

  #addQuoted(action: string, quoted: string): void {
    const text = unquoted(quoted);
    if (text === undefined) this.#refuse(`"${action}" has a backslash that means nothing; write \\\\ for a backslash`);
    else this.#add({ kind: 'text', text });
  }

  #readAction(): void {
    const start = this.#at;
    const isRange = this.#take(ACTION)?.[1] !== undefined;
    const reader = new PathReader(this.#template, this.#at);
    const steps = reader.readPath();
    const path = { source: this.#template.slice(this.#at, reader.at), steps: steps ?? [] };
    if (steps === undefined || reader.take(CLOSE) === undefined) {
      this.#at = start;
      const action = this.#take(ANYTHING)?.[0] ?? '';
      const why = action.endsWith('}') ? (reader.refusal ?? 'is not understood') : 'has no closing brace';
      this.#refuse(`"${action}" ${why}; ${KNOWN}`);
      return;
    }
    this.#at = reader.at;
    if (!isRange) this.#add({ kind: 'path', path });
    else if (this.#ranges.push({ path, parts: [] }) > MOST_RANGES) {
      this.#refuse(`has more than ${MOST_RANGES} ranges in each other`);
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
    // One of each kind is enough: a template of thousands of mistakes is not worth as many lines.
    if (this.#faults.length < MOST_FAULTS) this.#faults.push({ field: this.#field, message });
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#template);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }
}

const MOST_FAULTS = 20;

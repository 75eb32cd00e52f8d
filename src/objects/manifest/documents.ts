import { endOfString } from '../bounded-json.ts';
import { TEXT_LIMITS } from '../text-limits.ts';

/**
 * One document of a manifest, with the `---` line that begins it, and the line of the manifest it begins on, from 1.
 */
export type DocumentText = { readonly text: string; readonly line: number };

/** Allowed before the `---` of the same document: directives, comments, blank lines. */
const PREAMBLE = /^(?:[ \t]*(?:#.*)?\r?\n|%.*\n|\uFEFF)*$/;
/** And what begins a document. */
const BEGINNING = /^(?:[ \t]*(?:#.*)?\r?\n|%.*\n|\uFEFF|---[ \t]*(?:#.*)?\r?\n)*$/;

/**
 * A manifest's documents one after another, so that no more than one of them needs to be parsed at a time. One that is
 * empty is among them, comments alone may be. JSON objects that follow each other are documents each, as `jq` and `cat`
 * print them, and so is what follows a byte order mark.
 */
export function* documentsIn(manifest: string): Generator<DocumentText, void> {
  for (const part of documentsBetweenMarks(manifest)) {
    let { line } = part;
    for (const stretch of stretchesOf(part.text)) {
      for (const text of jsonObjectsIn(stretch)) {
        yield { text, line };
        line += linesIn(text);
      }
    }
  }
}

function* documentsBetweenMarks(manifest: string): Generator<DocumentText, void> {
  let start = 0;
  let line = 1;
  const cut = (end: number): DocumentText => {
    const document = { text: manifest.slice(start, end), line };
    line += linesIn(document.text);
    start = end;
    return document;
  };
  const begins = new Marks(manifest, '---');
  const ends = new Marks(manifest, '...');
  for (let from = 0; ; ) {
    const begin = begins.next(from);
    const end = ends.next(from);
    if (begin === undefined && end === undefined) break;
    const isEnd = end !== undefined && (begin === undefined || end < begin);
    const at = isEnd ? end : (begin ?? 0);
    if (isEnd) yield cut(endOfLine(manifest, at));
    else if (at > start && !isPreamble(manifest, start, at)) yield cut(at);
    from = at + 1;
  }
  if (start < manifest.length) yield cut(manifest.length);
}

/** The lines that are one mark, or start with it and a blank: YAML lets no value have such a line. */
class Marks {
  readonly #text: string;
  readonly #mark: string;
  /** Where the next one is; each stretch of the text is searched once. */
  #at: number | undefined = -1;

  constructor(text: string, mark: string) {
    this.#text = text;
    this.#mark = mark;
  }

  /** Where the first one at or behind `from` begins, which never decreases. */
  next(from: number): number | undefined {
    while (this.#at !== undefined && this.#at < from) this.#at = this.#find(from);
    return this.#at;
  }

  #find(from: number): number | undefined {
    if (from === 0 && this.#isAt(0)) return 0;
    for (let at = from; ; at++) {
      const before = this.#text.indexOf(`\n${this.#mark}`, Math.max(0, at - 1));
      if (before === -1) return undefined;
      at = before + 1;
      if (this.#isAt(at)) return at;
    }
  }

  #isAt(at: number): boolean {
    const end = at + this.#mark.length;
    return (
      this.#text.startsWith(this.#mark, at) && (end === this.#text.length || ' \t\r\n'.includes(this.#text.charAt(end)))
    );
  }
}

/** Directives are few; what is longer than any is a document, whatever it holds. */
const MAX_PREAMBLE = 4096;

function isPreamble(text: string, start: number, end: number, preamble = PREAMBLE): boolean {
  return end - start <= MAX_PREAMBLE && preamble.test(text.slice(start, end));
}

/** The parts of a concatenation of files that begin with byte order marks. */
function stretchesOf(text: string): string[] {
  const stretches: string[] = [];
  let start = 0;
  for (let at = text.indexOf('\n\uFEFF'); at !== -1; at = text.indexOf('\n\uFEFF', at + 1)) {
    if (isPreamble(text, start, at + 1, BEGINNING)) continue;
    stretches.push(text.slice(start, at + 1));
    start = at + 1;
  }
  return [...stretches, text.slice(start)];
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end + 1;
}

function linesIn(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/** Allowed before the first object and between two. */
const BETWEEN = /[\uFEFF \t\r\n]*/y;
const JSON_BEGINNING = /(?:\uFEFF?---[ \t]*\r?\n)?[\uFEFF \t\r\n]*/y;
const TOKEN = /[ \t\r\n,:]*(?:["[\]{}]|true|false|null|-?[0-9][0-9.eE+-]*)/y;

/**
 * JSON objects that follow each other with nothing but blanks between them, each with the blanks behind it. What is no
 * JSON, from there on, comes in one piece: that is YAML, or a fault. Linear, and without recursion.
 */
function* jsonObjectsIn(text: string): Generator<string, void> {
  let start = 0;
  let at = endOf(JSON_BEGINNING, text, 0);
  while (text.charAt(at) === '{') {
    const end = endOfObject(text, at);
    if (end === undefined) break;
    at = endOf(BETWEEN, text, end);
    if (text.charAt(at) !== '{') break;
    yield text.slice(start, at);
    start = at;
  }
  if (start < text.length) yield text.slice(start);
}

/** No document that is read has more; every collection has two. */
const MAX_TOKENS = 2 * TEXT_LIMITS.document.nodes;

/** The offset behind the object's brace; undefined where there is something else than JSON's tokens, or too much. */
function endOfObject(text: string, start: number): number | undefined {
  const token = new RegExp(TOKEN);
  let depth = 0;
  let at = start;
  for (let tokens = 0; tokens < MAX_TOKENS && at - start <= TEXT_LIMITS.document.bytes; tokens++) {
    token.lastIndex = at;
    if (!token.test(text)) return undefined;
    at = token.lastIndex;
    const sign = text.charAt(at - 1);
    if (sign === '"') at = endOfString(text, at - 1);
    else if (sign === '{' || sign === '[') depth++;
    else if (sign === '}' || sign === ']') depth--;
    if (depth === 0) return at;
  }
  return undefined;
}

/** Where the match at `at` ends; 0 where there is none. */
function endOf(pattern: RegExp, text: string, at: number): number {
  const sticky = new RegExp(pattern);
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : 0;
}

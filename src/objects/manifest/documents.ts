import { endOfString } from '../bounded-json.ts';
import { TEXT_LIMITS } from '../text-limits.ts';

/** One document of a manifest, including its `---` line. `line` is its first line in the manifest, counted from 1. */
export type DocumentText = { readonly text: string; readonly line: number };

/** Allowed before a document's `---`: directives, comments, blank lines. */
const PREAMBLE = /^(?:[ \t]*(?:#.*)?\r?\n|%.*\n|\uFEFF)*$/;
/** Everything that may precede a document's contents. */
const BEGINNING = /^(?:[ \t]*(?:#.*)?\r?\n|%.*\n|\uFEFF|---[ \t]*(?:#.*)?\r?\n)*$/;

/**
 * Yields a manifest's documents one by one, so that only one needs parsing at a time. They may be empty. Consecutive
 * JSON objects, as `jq` and `cat` print them, are documents each, and so is text after a byte order mark.
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

/** Finds lines that are one mark or start with it and a blank: in YAML, no value contains such a line. */
class Marks {
  readonly #text: string;
  readonly #mark: string;
  /** The next line's offset; each stretch of the text is searched once. */
  #at: number | undefined = -1;

  constructor(text: string, mark: string) {
    this.#text = text;
    this.#mark = mark;
  }

  /** The offset of the first line at or after `from`, which must never decrease. */
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

/** Directives are few; anything longer than this is a document. */
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

/** Allowed before the first object and between objects. */
const BETWEEN = /[\uFEFF \t\r\n]*/y;
const JSON_BEGINNING = /(?:\uFEFF?---[ \t]*\r?\n)?[\uFEFF \t\r\n]*/y;
const TOKEN = /[ \t\r\n,:]*(?:["[\]{}]|true|false|null|-?[0-9][0-9.eE+-]*)/y;

/** Yields consecutive JSON objects with blanks after them, then the rest in one piece. Linear, without recursion. */
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

/** No accepted document has more tokens: each collection has two. */
const MAX_TOKENS = 2 * TEXT_LIMITS.document.nodes;

/** The offset after the object's closing brace; undefined if there are other tokens than JSON's, or too many. */
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

/** Returns 0 without a match. */
function endOf(pattern: RegExp, text: string, at: number): number {
  const sticky = new RegExp(pattern);
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : 0;
}

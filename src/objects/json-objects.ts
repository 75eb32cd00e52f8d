import { endOfString } from './json-problem.ts';
import { TEXT_LIMITS } from './text-limits.ts';

/** What may stand before the first object, or between two. */
const BETWEEN = /[\uFEFF \t\r\n]*/y;
const BEGINNING = /(?:\uFEFF?---[ \t]*\r?\n)?[\uFEFF \t\r\n]*/y;
const TOKEN = /[ \t\r\n,:]*(?:["[\]{}]|true|false|null|-?[0-9][0-9.eE+-]*)/y;

/**
 * JSON objects that follow each other with nothing but blanks between them, each with the blanks behind it. What is no
 * JSON, from there on, comes in one piece: that is YAML, or a fault. Linear, and without recursion.
 */
export function* jsonObjectsIn(text: string): Generator<string, void> {
  let start = 0;
  let at = endOf(BEGINNING, text, 0);
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
const MOST_TOKENS = 2 * TEXT_LIMITS.document.nodes;

/** The offset behind the object's brace; undefined where there is something else than JSON's tokens, or too much. */
function endOfObject(text: string, start: number): number | undefined {
  const token = new RegExp(TOKEN);
  let depth = 0;
  let at = start;
  for (let tokens = 0; tokens < MOST_TOKENS && at - start <= TEXT_LIMITS.document.bytes; tokens++) {
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

/** One document of a manifest, with the `---` line that begins it, and the line of the manifest it begins on, from 1. */
export type DocumentText = { readonly text: string; readonly line: number };

/** A line that begins a document or ends one, wherever it stands: YAML lets it stand inside of no value. */
const MARK = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gm;
/** What may stand before the `---` of the same document: directives, comments, blank lines. */
const PREAMBLE = /^(?:[ \t]*(?:#.*)?\r?\n|%.*\n|\uFEFF)*$/;

/**
 * A manifest's documents one after another, so that no more than one of them needs to be parsed at a time. None is looked into;
 * one that is empty is among them, comments alone may be.
 */
export function* documentsIn(manifest: string): Generator<DocumentText, void> {
  const mark = new RegExp(MARK);
  let start = 0;
  let line = 1;
  const cut = (end: number): DocumentText => {
    const document = { text: manifest.slice(start, end), line };
    line += linesIn(document.text);
    start = end;
    return document;
  };
  for (let match = mark.exec(manifest); match !== null; match = mark.exec(manifest)) {
    if (match[0] === '...') yield cut(endOfLine(manifest, match.index));
    else if (match.index > start && !isPreamble(manifest, start, match.index)) yield cut(match.index);
  }
  if (start < manifest.length) yield cut(manifest.length);
}

/** Directives are few; what is longer than any is a document, whatever it holds. */
const MOST_PREAMBLE = 4096;

function isPreamble(text: string, start: number, end: number): boolean {
  return end - start <= MOST_PREAMBLE && PREAMBLE.test(text.slice(start, end));
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

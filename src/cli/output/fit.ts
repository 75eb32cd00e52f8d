import { stripVTControlCharacters } from 'node:util';

/**
 * A cell that is too long loses its middle (`cut`), or continues on further lines (`wrap`). `floor`: the
 * column is at least that wide, in characters.
 */
export type FittedColumn = { readonly how: 'cut' | 'wrap'; readonly floor: number };

/** `width` of the terminal, in characters. Undefined columns stay as wide as their widest cell. */
export type Fit = { readonly width: number; readonly columns: readonly (FittedColumn | undefined)[] };

const ELLIPSIS = '…';
const ASCII = /^[ -~]*$/;

/** Columns of a terminal that the text takes. Colours take none. */
export function widthOf(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (ASCII.test(plain)) return plain.length;
  let width = 0;
  for (const character of plain) width += widthOfCharacter(character);
  return width;
}

/** V8 reads expressions with large parts of Unicode for half a millisecond, so only tables that need these do it. */
function widthOfCharacter(character: string): number {
  const combinesWithLetterBefore = /\p{Mn}|\p{Me}/u;
  if (combinesWithLetterBefore.test(character)) return 0;
  const wide =
    /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Emoji_Presentation}\u{3000}-\u{303e}\u{30a0}-\u{30ff}\u{ff01}-\u{ff60}]/u;
  return wide.test(character) ? 2 : 1;
}

/** Takes width from the column that is furthest above its floor, until the table fits or all are at their floors. */
export function fittedWidths(widths: readonly number[], { width, columns }: Fit, gap: number): readonly number[] {
  const fitted = [...widths];
  const spare = (column: number): number => (fitted[column] ?? 0) - (columns[column]?.floor ?? Infinity);
  let excess = fitted.reduce((sum, each) => sum + each + gap, -gap) - width;
  for (; excess > 0; excess--) {
    const widest = fitted.map((_, column) => column).reduce((a, b) => (spare(b) > spare(a) ? b : a), 0);
    if (spare(widest) <= 0) break;
    fitted[widest] = (fitted[widest] ?? 0) - 1;
  }
  return fitted;
}

/** The row in as many lines as its longest cell takes. */
export function linesOf(
  cells: readonly string[],
  widths: readonly number[],
  columns: Fit['columns'],
): readonly (readonly string[])[] {
  const parts = cells.map((cell, column) => {
    const width = widths[column] ?? Infinity;
    if (widthOf(cell) <= width) return [cell];
    return columns[column]?.how === 'wrap' ? wrapText(cell, width) : [cutMiddle(cell, width)];
  });
  const height = Math.max(...parts.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) => parts.map((part) => part[line] ?? ''));
}

/** Lines of at most this width, broken at blanks where there are some. Each has the colour of the whole. */
export function wrapText(text: string, width: number): string[] {
  const { plain, paint } = takeColour(text);
  const lines: string[] = [];
  let line = '';
  for (const word of plain.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (widthOf(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (widthOf(line) > width) {
      const head = startOf([...line], width).join('') || [...line].slice(0, 1).join('');
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return [...lines, line].map(paint);
}

/** Both ends remain, since ids and paths often begin alike. */
export function cutMiddle(text: string, width: number): string {
  const { plain, paint } = takeColour(text);
  if (widthOf(plain) <= width) return text;
  const characters = [...plain];
  const end = startOf(characters.toReversed(), Math.floor((width - 1) / 2)).reverse();
  const start = startOf(characters, width - 1 - widthOf(end.join('')));
  return paint([...start, ELLIPSIS, ...end].join(''));
}

function startOf(characters: readonly string[], width: number): string[] {
  let taken = 0;
  const end = characters.findIndex((character) => {
    taken += widthOfCharacter(character);
    return taken > width;
  });
  return characters.slice(0, end < 0 ? characters.length : end);
}

/** A cell has one colour, around all of it. */
function takeColour(text: string): { readonly plain: string; readonly paint: (part: string) => string } {
  const plain = stripVTControlCharacters(text);
  const [before = '', after = ''] = plain === '' ? [] : text.split(plain);
  return { plain, paint: (part) => before + part + after };
}

import { stripVTControlCharacters } from 'node:util';

/** Blanks between two columns, as kubectl has them. */
const GAP = 3;

/** Aligned columns below their headings; lines have no trailing blanks. Cells may be coloured. No final newline. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))));
  return lines.map((line) => formatLine(line, widths)).join('\n');
}

function formatLine(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell) + GAP))
    .join('')
    .trimEnd();
}

/** Cells on the screen; colour takes none. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

import { stripVTControlCharacters } from 'node:util';

/** Blanks between two columns, as kubectl has them. */
const GAP = 3;

/** None where only the rows shall be shown. */
export type Headings = readonly string[] | undefined;

/** Aligned columns below their headings; lines have no trailing blanks. Cells may be coloured. No final newline. */
export function formatTable(headings: Headings, rows: readonly (readonly string[])[], gap = GAP): string {
  return new GrowingTable(headings, gap).add(rows);
}

/** A table whose rows come in parts: columns get wider where a later row needs it, and never narrower. */
export class GrowingTable {
  readonly #headings: Headings;
  readonly #gap: number;
  #widths: readonly number[] = [];

  constructor(headings: Headings, gap = GAP) {
    this.#headings = headings;
    this.#gap = gap;
  }

  /** The lines of the rows, the first time below the headings. */
  add(rows: readonly (readonly string[])[]): string {
    const isFirst = this.#widths.length === 0;
    const lines = isFirst && this.#headings !== undefined ? [this.#headings, ...rows] : rows;
    const columns = Math.max(this.#widths.length, ...lines.map(({ length }) => length));
    this.#widths = Array.from({ length: columns }, (_, column) => {
      return Math.max(this.#widths[column] ?? 0, ...lines.map((line) => widthOf(line[column] ?? '')));
    });
    return lines.map((line) => formatLine(line, this.#widths, this.#gap)).join('\n');
  }
}

function formatLine(cells: readonly string[], widths: readonly number[], gap: number): string {
  return cells
    .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell) + gap))
    .join('')
    .trimEnd();
}

/** Cells on the screen; colour takes none. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

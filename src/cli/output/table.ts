import type { TreeEntry__Output as WireTreeEntry } from '../../rpc/generated/lantern/v1/TreeEntry.ts';
import { type Fit, fittedWidths, linesOf, widthOf } from './fit.ts';
import { printable, type Style } from './text.ts';

/** Blanks between two columns, as in kubectl. */
const GAP = 3;

/** Undefined for a table without headings. */
export type Headings = readonly string[] | undefined;

/** Cells may be coloured. Neither trailing blanks nor a final newline. */
export function formatTable(headings: Headings, rows: readonly (readonly string[])[], gap = GAP, fit?: Fit): string {
  return new GrowingTable(headings, gap, fit).add(rows);
}

/** A table printed in parts. Columns get wider if a later row needs it, never narrower, unless they must fit. */
export class GrowingTable {
  readonly #headings: Headings;
  readonly #gap: number;
  readonly #fit: Fit | undefined;
  #widths: readonly number[] = [];

  constructor(headings: Headings, gap = GAP, fit?: Fit) {
    this.#headings = headings;
    this.#gap = gap;
    this.#fit = fit;
  }

  /** The first rows get the headings. */
  add(rows: readonly (readonly string[])[]): string {
    const isFirst = this.#widths.length === 0;
    const lines = isFirst && this.#headings !== undefined ? [this.#headings, ...rows] : rows;
    const columns = Math.max(this.#widths.length, ...lines.map(({ length }) => length));
    this.#widths = Array.from({ length: columns }, (_, column) => {
      return Math.max(this.#widths[column] ?? 0, ...lines.map((line) => widthOf(line[column] ?? '')));
    });
    const fit = this.#fit;
    if (fit === undefined) return lines.map((line) => formatLine(line, this.#widths, this.#gap)).join('\n');
    const widths = fittedWidths(this.#widths, fit, this.#gap);
    return lines
      .flatMap((line) => linesOf(line, widths, fit.columns))
      .map((line) => formatLine(line, widths, this.#gap))
      .join('\n');
  }
}

function formatLine(cells: readonly string[], widths: readonly number[], gap: number): string {
  return cells
    .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)) + gap))
    .join('')
    .trimEnd();
}

export type TreeLine = Omit<WireTreeEntry, 'contents'>;

/** `entries` are depth first, a directory before its contents. */
export function formatTree(root: string, entries: readonly TreeLine[], style: Style): string {
  const last = lastChildren(entries);
  const lines = entries.map((entry) => ({
    name: branches(entry.path, last) + nameOf(entry, style),
    facts: style.faint(factsOf(entry)),
  }));
  const width = Math.max(0, ...lines.map((line) => widthOf(line.name)));
  return [
    style.directory(printable(root)),
    ...lines.map(({ name, facts }) => `${name}${' '.repeat(width - widthOf(name) + 2)}${facts}`.trimEnd()),
  ].join('\n');
}

/** Permission bits in octal: `0400`, `2755`. */
export function formatMode(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

function nameOf(entry: TreeLine, style: Style): string {
  const name = printable(entry.path.slice(entry.path.lastIndexOf('/') + 1));
  if (entry.type === 'DIRECTORY') return style.directory(`${name}/`);
  return entry.type === 'SYMLINK' ? `${style.link(name)} -> ${printable(entry.linkTarget)}` : name;
}

/** Mode and size of a link do not matter. */
function factsOf(entry: TreeLine): string {
  if (entry.type === 'SYMLINK') return '';
  const owner = `${formatMode(entry.mode)}  ${entry.user}:${entry.group}`;
  return entry.type === 'FILE' ? `${owner}  ${formatSize(entry.size)}` : owner;
}

/** A line for each directory above the entry that has more entries, then the corner. */
function branches(path: string, lastChildOf: ReadonlyMap<string, string>): string {
  const elements = path.split('/');
  return elements
    .map((_, depth) => {
      const isLast = lastChildOf.get(parentPath(elements, depth)) === elements[depth];
      if (depth === elements.length - 1) return isLast ? '└── ' : '├── ';
      return isLast ? '    ' : '│   ';
    })
    .join('');
}

function lastChildren(entries: readonly TreeLine[]): Map<string, string> {
  const last = new Map<string, string>();
  for (const entry of entries) {
    const elements = entry.path.split('/');
    last.set(parentPath(elements, elements.length - 1), elements.at(-1) ?? '');
  }
  return last;
}

function parentPath(elements: readonly string[], depth: number): string {
  return elements.slice(0, depth).join('/');
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** The age of an RFC 3339 time in kubectl's format: `45s`, `5m30s`, `7h5m`, `3d4h`, `2y12d`. */
export function ageSince(timestamp: string, now: number): string {
  const since = Date.parse(timestamp);
  return Number.isNaN(since) ? '<unknown>' : formatAge(now - since);
}

/** The largest unit of `ms`, with the next smaller one while the number is small. */
export function formatAge(ms: number): string {
  // The clock of another machine may be a little ahead.
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return twoUnits(seconds, MINUTE, 'm', 1, 's');
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 8 * HOUR) return twoUnits(seconds, HOUR, 'h', MINUTE, 'm');
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 8 * DAY) return twoUnits(seconds, DAY, 'd', HOUR, 'h');
  if (seconds < 2 * YEAR) return `${Math.floor(seconds / DAY)}d`;
  if (seconds < 8 * YEAR) return twoUnits(seconds, YEAR, 'y', DAY, 'd');
  return `${Math.floor(seconds / YEAR)}y`;
}

function twoUnits(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${largeName}${rest === 0 ? '' : `${rest}${smallName}`}`;
}

import type { TreeEntry__Output as WireTreeEntry } from '../../rpc/generated/lantern/v1/TreeEntry.ts';
import { printable } from './printable.ts';
import type { Style } from './style.ts';
import { widthOf } from './table.ts';

/** One entry of a volume. */
export type TreeLine = Omit<WireTreeEntry, 'contents'>;

/** The entries (depth first, each directory before what it holds) as a tree below `root`, with mode, owner and size in columns. */
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

/** Permission bits as people write them: `0400`, `2755`. */
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

/** A link has no mode or size of its own that matters to anybody. */
function factsOf(entry: TreeLine): string {
  if (entry.type === 'SYMLINK') return '';
  const owner = `${formatMode(entry.mode)}  ${entry.user}:${entry.group}`;
  return entry.type === 'FILE' ? `${owner}  ${formatSize(entry.size)}` : owner;
}

/** The lines that lead to an entry: for each directory above it a stroke while more of it follows, then the entry's own corner. */
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

/** By directory, the name of what comes last in it. */
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

import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { Steps } from '../../base/steps.ts';
import { hasException } from './system-calls.ts';

export const MOUNTINFO = '/proc/self/mountinfo';

/** The mount table, for repeated looks. Failures are errors with an errno `code`. */
export interface MountTable extends Disposable {
  /** True if anything was mounted, moved or unmounted since the last call, and for the first call. One system call. */
  hasChanged(): boolean;
  /** Reads all lines, in steps, and parses those that are wanted. Misses changes that `hasChanged` then reports. */
  reading(isWanted: (line: string) => boolean): Steps<readonly MountEntry[]>;
}

/** The kernel returns at most a page per read, usually of whole lines. */
const PIECE_BYTES = 4096;

export class ProcMountTable implements MountTable {
  /** Open from the first `hasChanged` on. `reading` opens another. */
  #watched: number | undefined;

  hasChanged(): boolean {
    if (this.#watched !== undefined) return hasException(this.#watched);
    this.#watched = openSync(MOUNTINFO, 'r');
    return true;
  }

  *reading(isWanted: (line: string) => boolean): Steps<readonly MountEntry[]> {
    const fd = openSync(MOUNTINFO, 'r');
    try {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const decoder = new StringDecoder('utf8');
      const found: MountEntry[] = [];
      let begun = '';
      for (;;) {
        const length = readSync(fd, piece, 0, PIECE_BYTES, null);
        if (length === 0) return found;
        const lines = (begun + decoder.write(piece.subarray(0, length))).split('\n');
        begun = lines.pop() ?? '';
        found.push(...lines.filter(isWanted).flatMap((line) => parseMount(line) ?? []));
        yield;
      }
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    if (this.#watched !== undefined) closeSync(this.#watched);
    this.#watched = undefined;
  }
}

/** A line of /proc/<pid>/mountinfo, see proc_pid_mountinfo(5). Paths are unescaped. */
export type MountEntry = {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor` of the file system: the same for all mounts of one tmpfs. */
  readonly device: string;
  /** The mounted part of the file system, as a path from its own root; ends in `//deleted` if it was removed. */
  readonly root: string;
  readonly mountPoint: string;
  /** `ro`, `nosuid`, … */
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, `propagate_from:N`, `unbindable`; empty for a private mount. */
  readonly propagation: readonly string[];
  readonly fileSystem: string;
  readonly source: string;
  /** Options of the file system: `size=65536k`, … */
  readonly superOptions: readonly string[];
};

/** In the table's order: the last mount at a mount point covers the others. Malformed lines are left out. */
export function parseMountinfo(text: string): readonly MountEntry[] {
  return text.split('\n').flatMap((line) => parseMount(line) ?? []);
}

function parseMount(line: string): MountEntry | undefined {
  const fields = line.split(' ');
  // A variable number of optional fields ends with a single hyphen.
  const separator = fields.indexOf('-', 6);
  if (separator < 0) return undefined;
  const [id, parentId, device, root, mountPoint, options] = fields;
  const [fileSystem, source, superOptions] = fields.slice(separator + 1);
  if (options === undefined || root === undefined || mountPoint === undefined || superOptions === undefined)
    return undefined;
  if (!/^\d+$/.test(id ?? '') || !/^\d+$/.test(parentId ?? '') || !/^\d+:\d+$/.test(device ?? '')) return undefined;
  return {
    id: Number(id),
    parentId: Number(parentId),
    device: device ?? '',
    root: unescaped(root),
    mountPoint: unescaped(mountPoint),
    options: options.split(','),
    propagation: fields.slice(6, separator),
    fileSystem: unescaped(fileSystem ?? ''),
    source: unescaped(source ?? ''),
    superOptions: superOptions.split(','),
  };
}

/** The kernel writes space, tab, newline, backslash (and `#`) as a backslash and three octal digits. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

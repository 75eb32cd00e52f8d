import { LanternError } from '../base/errors.ts';
import type { Payload } from '../payload/payload.ts';
import { firstElement } from '../spec/relative-path.ts';
import { type FileSystemUsage, readUsage } from './file-system.ts';

/** Records can always be written: this part of a pool, limited by the two maxima, stays free. */
const RESERVED_PART = 1 / 8;
const MAX_RESERVED_BYTES = 1024 * 1024;
const MAX_RESERVED_INODES = 256;

/** The generation's directory, and the new `..data`. */
const OWN_INODES = 2;

/** Milliseconds for which a look counts. What is written besides generations meanwhile fits into the reserve. */
const LOOK_COUNTS_MS = 2;

/** The room that a pool has for generations, shared by its volumes: one look serves many writes, which it counts. */
export class PoolRoom {
  readonly #look: typeof readUsage;
  #usage: FileSystemUsage | undefined;
  #countsUntil = Number.NEGATIVE_INFINITY;

  constructor(look = readUsage) {
    this.#look = look;
  }

  /**
   * Takes the room for a generation in `directory`, which lies in the pool. `now`: milliseconds of the monotonic clock.
   * Throws `resource-exhausted` if there is none, after a new look.
   */
  take(payload: Payload, directory: string, now: number): void {
    let usage = now < this.#countsUntil ? this.#usage : undefined;
    if (usage === undefined || shortageOf(payload, usage) !== undefined) {
      usage = this.#look(directory);
      const shortage = shortageOf(payload, usage);
      if (shortage !== undefined) throw noRoom(directory, shortage);
      this.#countsUntil = now + LOOK_COUNTS_MS;
    }
    const { bytes, inodes } = needsOf(payload, usage.blockBytes);
    this.#usage = { ...usage, usedBytes: usage.usedBytes + bytes, usedInodes: usage.usedInodes + inodes };
  }
}

type Needs = { readonly blockBytes: number; readonly bytes: number; readonly inodes: number };

/** Many volumes may share a payload. */
const needs = new WeakMap<Payload, Needs>();

function needsOf(payload: Payload, blockBytes: number): Needs {
  const known = needs.get(payload);
  if (known?.blockBytes === blockBytes) return known;
  let bytes = 0;
  const links = new Set<string>();
  for (const [path, file] of payload.files) {
    // A file takes whole blocks. Directories and short links take none on tmpfs.
    bytes += Math.ceil(file.bytes.byteLength / blockBytes) * blockBytes;
    // Counted even if the link exists already.
    links.add(firstElement(path));
  }
  const needed = { blockBytes, bytes, inodes: payload.entries + links.size + OWN_INODES };
  needs.set(payload, needed);
  return needed;
}

type Shortage = { readonly needed: number; readonly free: number; readonly total: number; readonly unit: string };

function shortageOf(payload: Payload, usage: FileSystemUsage): Shortage | undefined {
  const { totalBytes, usedBytes, totalInodes, usedInodes } = usage;
  const { bytes, inodes } = needsOf(payload, usage.blockBytes);
  const freeBytes = available(totalBytes, usedBytes, MAX_RESERVED_BYTES);
  if (bytes > freeBytes) return { needed: bytes, free: freeBytes, total: totalBytes, unit: 'bytes' };
  const freeInodes = available(totalInodes, usedInodes, MAX_RESERVED_INODES);
  if (inodes <= freeInodes) return undefined;
  return { needed: inodes, free: freeInodes, total: totalInodes, unit: 'files and directories' };
}

function available(total: number, used: number, maxReserved: number): number {
  if (total === 0) return Number.POSITIVE_INFINITY;
  const reserved = Math.floor(Math.min(total * RESERVED_PART, maxReserved));
  return Math.max(0, total - used - reserved);
}

function noRoom(directory: string, { needed, free, total, unit }: Shortage): LanternError {
  return new LanternError(
    'resource-exhausted',
    `write a new generation to "${directory}": it needs ${needed} ${unit}, and of the pool's ${total} only ${free} are left besides the reserve for records; the old contents stay; unmount other volumes or enlarge the pool`,
    { reason: 'POOL_FULL' },
  );
}

import { statfsSync } from 'node:fs';
import { LanternError } from '../base/errors.ts';
import type { Payload } from '../payload/payload.ts';
import { firstElement } from './require-writable.ts';

/** How full a file system is. A total of 0 means without limit, as tmpfs says it. */
export type PoolUsage = {
  readonly usedBytes: number;
  readonly totalBytes: number;
  readonly usedInodes: number;
  readonly totalInodes: number;
  /** What bytes are handed out in. */
  readonly blockBytes: number;
};

/** This part of a pool, but not more than that, is kept free, so that records can always be written. */
const RESERVED_PART = 1 / 8;
const MOST_RESERVED_BYTES = 1024 * 1024;
const MOST_RESERVED_INODES = 256;

/** The generation's directory, and the new `..data`. */
const OWN_INODES = 2;

/** Says before a write whether its generation fits into the pool, with room left for the records of its volumes. */
export class PoolBudget {
  readonly #directory: string;
  readonly #read: (directory: string) => PoolUsage;

  /** `directory` is one in the pool. */
  constructor(directory: string, read: (directory: string) => PoolUsage = readUsage) {
    this.#directory = directory;
    this.#read = read;
  }

  /** Throws `resource-exhausted` when the payload's generation would not fit beside what is there. */
  requireRoom(payload: Payload): void {
    const usage = this.#read(this.#directory);
    const bytes = bytesOf(payload, usage.blockBytes);
    const inodes = inodesOf(payload);
    const freeBytes = available(usage.totalBytes, usage.usedBytes, MOST_RESERVED_BYTES);
    const freeInodes = available(usage.totalInodes, usage.usedInodes, MOST_RESERVED_INODES);
    if (bytes > freeBytes) throw this.#noRoom(bytes, freeBytes, usage.totalBytes, 'bytes');
    if (inodes > freeInodes) throw this.#noRoom(inodes, freeInodes, usage.totalInodes, 'files and directories');
  }

  #noRoom(needed: number, free: number, total: number, unit: string): LanternError {
    return new LanternError(
      'resource-exhausted',
      `write a new generation to "${this.#directory}": it needs ${needed} ${unit}, and of the pool's ${total} only ${free} are left besides the reserve for records; the old contents stay; unmount other volumes or enlarge the pool`,
      { reason: 'POOL_FULL' },
    );
  }
}

export function readUsage(directory: string): PoolUsage {
  const { bsize, blocks, bfree, files, ffree } = statfsSync(directory);
  return {
    usedBytes: (blocks - bfree) * bsize,
    totalBytes: blocks * bsize,
    usedInodes: files - ffree,
    totalInodes: files,
    blockBytes: bsize,
  };
}

function available(total: number, used: number, mostReserved: number): number {
  if (total === 0) return Number.POSITIVE_INFINITY;
  const reserved = Math.floor(Math.min(total * RESERVED_PART, mostReserved));
  return Math.max(0, total - used - reserved);
}

/** A file takes whole blocks; directories and short links take none of tmpfs. */
function bytesOf(payload: Payload, blockBytes: number): number {
  let bytes = 0;
  for (const file of payload.files.values()) bytes += Math.ceil(file.bytes.byteLength / blockBytes) * blockBytes;
  return bytes;
}

/** Every visible link counted, though most are there already. */
function inodesOf(payload: Payload): number {
  const links = new Set([...payload.files.keys()].map(firstElement));
  return payload.entries + links.size + OWN_INODES;
}

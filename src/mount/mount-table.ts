import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { Steps } from '../base/steps.ts';
import { type MountEntry, parseMount } from './mountinfo.ts';
import { hasException } from './system-calls.ts';

/** The daemon's own: what is mounted in its mount namespace, or gets there by propagation. */
export const MOUNTINFO = '/proc/self/mountinfo';

/** The mount table, for whoever looks at it again and again. Failures are errors with an errno `code`. */
export interface MountTable extends Disposable {
  /** Whether anything was mounted, moved or unmounted since it was asked last; true at first. One system call. */
  hasChanged(): boolean;
  /** The mounts whose lines are wanted, in steps; O(all mounts). What changes meanwhile may be missing, and `hasChanged` tells. */
  reading(isWanted: (line: string) => boolean): Steps<readonly MountEntry[]>;
}

/** The kernel gives out a page at most in one read, of whole lines mostly. */
const PIECE_BYTES = 4096;

export class ProcMountTable implements MountTable {
  /** Open from the first question on; what is read is opened anew. */
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

import { randomFill } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** Enough for LevelDB to open again, which writes its log of up to 4 MiB anew, and for thousands of deletions. */
const RESERVE_BYTES = 8 * 1024 * 1024;
/** Of a small file system no more than this part. */
const LARGEST_PART = 1 / 8;
const CHUNK_BYTES = 256 * 1024;

/**
 * A file that only takes room on the store's disk. When that is full it is given up, so that objects can still be deleted;
 * that it can be made anew shows that there is room again.
 */
export class SpaceReserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether the room is taken now. What could not be taken whole is given back. */
  async hold(): Promise<boolean> {
    try {
      const { blocks, bsize } = await statfs(dirname(this.#path));
      const bytes = Math.floor(Math.min(RESERVE_BYTES, blocks * bsize * LARGEST_PART));
      if ((await this.#size()) < bytes) await this.#fill(bytes);
      return true;
    } catch {
      await this.release().catch(() => {});
      return false;
    }
  }

  /** Whether there was something to give up. */
  async release(): Promise<boolean> {
    const bytes = await this.#size();
    await rm(this.#path, { force: true });
    return bytes > 0;
  }

  async #size(): Promise<number> {
    return stat(this.#path).then(
      ({ size }) => size,
      () => 0,
    );
  }

  /** Random bytes: a file system that compresses would keep nothing for anything else. */
  async #fill(bytes: number): Promise<void> {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
    await using file = await open(this.#path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
      await promisify(randomFill)(chunk);
      await file.writeFile(chunk.subarray(0, Math.min(left, CHUNK_BYTES)));
    }
    await file.sync();
  }
}

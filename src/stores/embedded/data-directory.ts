import { randomFill } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';

export type DataPaths = {
  readonly directory: string;
  readonly database: string;
  /** The newest head, outside the database so that an older copy of the database is noticed. */
  readonly head: string;
  readonly reserve: string;
};

export function dataPaths(directory: string): DataPaths {
  return {
    directory,
    database: join(directory, 'db'),
    head: join(directory, 'head'),
    reserve: join(directory, 'reserve'),
  };
}

/** The default data directory: /var/lib/lantern for root, else below $XDG_STATE_HOME or ~/.local/state. */
export function defaultDataDirectory(
  user: { readonly uid: number },
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (user.uid === 0) return '/var/lib/lantern';
  const state = environment.XDG_STATE_HOME;
  return join(state?.startsWith('/') ? state : join(environment.HOME || homedir(), '.local/state'), 'lantern');
}

export function defaultKeyFile(dataDirectory: string): string {
  return join(dataDirectory, 'key');
}

/** Creates the directory, mode 0700, if missing. `failed-precondition` if others own it or can enter it. */
export async function prepareDataDirectory(path: string): Promise<void> {
  const what = `open the data directory "${path}"`;
  try {
    makeDirectories(path, 0o700);
    const found = await stat(path);
    const mode = found.mode & 0o777;
    const user = process.geteuid?.();
    if (user !== undefined && found.uid !== user) {
      throw new LanternError(
        'failed-precondition',
        `${what}: it belongs to user ${found.uid}; name another --data-dir`,
      );
    }
    if ((mode & 0o077) !== 0) {
      const text = mode.toString(8).padStart(4, '0');
      throw new LanternError('failed-precondition', `${what}: its mode ${text} lets others in; chmod it to 0700`);
    }
  } catch (error) {
    throw toLanternError(error, what);
  }
}

/** Enough for LevelDB to open again, rewriting its log of up to 4 MiB, and for thousands of deletions. */
const RESERVE_BYTES = 8 * 1024 * 1024;
/** The largest part of a small file system to reserve. */
const LARGEST_PART = 1 / 8;
const CHUNK_BYTES = 256 * 1024;

/** Reserves room on the store's disk. Removed when the disk is full, so that objects can still be deleted. */
export class SpaceReserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** True if the room is now reserved in full, so that writes may resume. A partial reserve is released. */
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

  /** True if there was a reserve to remove. */
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

  /** Random bytes: a compressing file system would reserve too little room for compressible ones. */
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

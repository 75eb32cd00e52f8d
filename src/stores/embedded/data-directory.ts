import { randomFill } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories } from '../../base/files.ts';

/** Where the embedded store keeps what, below its data directory. */
export type DataPaths = {
  readonly directory: string;
  /** LevelDB's own directory. */
  readonly database: string;
  /** The newest head, outside the database so that an older copy of that is noticed. */
  readonly head: string;
  /** Room for when there is none else: see `SpaceReserve`. */
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

/**
 * The data directory when nobody says otherwise: /var/lib/lantern for root, else below $XDG_STATE_HOME or
 * ~/.local/state.
 */
export function defaultDataDirectory(
  user: { readonly uid: number },
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (user.uid === 0) return '/var/lib/lantern';
  const state = environment.XDG_STATE_HOME;
  return join(state?.startsWith('/') ? state : join(environment.HOME || homedir(), '.local/state'), 'lantern');
}

/** The key file when none is named: beside the data. */
export function defaultKeyFile(dataDirectory: string): string {
  return join(dataDirectory, 'key');
}

/**
 * Makes the directory, 0700, when it is missing. `failed-precondition` when others can enter it or it is not this
 * user's.
 */
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

/** Enough for LevelDB to open again, when it rewrites its log of up to 4 MiB, and for thousands of deletions. */
const RESERVE_BYTES = 8 * 1024 * 1024;
/** Of a small file system no more than this part. */
const LARGEST_PART = 1 / 8;
const CHUNK_BYTES = 256 * 1024;

/**
 * A file that reserves room on the store's disk. It is removed when the disk is full, so that objects can still be
 * deleted. When it can be written again, there is room again.
 */
export class SpaceReserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** True if the room is reserved now. A part of it is given back. */
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

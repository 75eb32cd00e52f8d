import { closeSync, constants as fs } from 'node:fs';
import { type FileHandle, open, opendir, readlink, realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import koffi from 'koffi';
import { errnoOf, SystemCallError } from './errors.ts';

/** The same value on x86-64 and arm64, as is O_CLOEXEC. */
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_MAGICLINKS = 2n;
const RESOLVE_BENEATH = 8n;
/** The kernel fails a path with `..` with EAGAIN if anything is renamed meanwhile. */
const MAX_ATTEMPTS = 16;

/**
 * A directory held open, and the files below it. No path leads out of it, even if others rename and exchange files
 * below it at the same time: openat2(2) with RESOLVE_BENEATH, Linux 5.6 or newer.
 */
export class ContainedDirectory implements AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Rejects with an errno of open(2). Follows links in `path`. */
  static async open(path: string): Promise<ContainedDirectory> {
    return new ContainedDirectory(await open(path, fs.O_RDONLY | fs.O_DIRECTORY));
  }

  /** Stays valid after a rename. */
  get path(): string {
    return descriptorPath(this.#handle.fd);
  }

  /** Follows links. EXDEV if it is outside, existing or not; EAGAIN if files were renamed too often meanwhile. */
  async open(path: string): Promise<ContainedFile> {
    try {
      return await this.#openBeneath(path);
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error;
      // A link may leave and come back, as an absolute one does. Its present target is a hint, and is opened beneath.
      const inside = await this.#whereItEnds(path);
      if (inside === undefined) throw error;
      return await this.#openBeneath(inside);
    }
  }

  /** Returns the present path, relative to the directory and without links; undefined if the file is outside. */
  async locate(file: ContainedFile): Promise<string | undefined> {
    const inside = relative(await readlink(this.path), await readlink(file.path));
    return leaves(inside) ? undefined : inside;
  }

  /** In any order; undefined if there are more than `max`. */
  async names(max: number): Promise<readonly string[] | undefined> {
    const names: string[] = [];
    for await (const { name } of await opendir(this.path)) {
      if (names.push(name) > max) return undefined;
    }
    return names;
  }

  async stat(): Promise<FileFacts> {
    return factsOf(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #openBeneath(path: string): Promise<ContainedFile> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return new ContainedFile(await openBeneath(this.#handle.fd, path === '' ? '.' : path));
      } catch (error) {
        if (errnoOf(error) !== 'EAGAIN' || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #whereItEnds(path: string): Promise<string | undefined> {
    try {
      const here = await realpath(this.path);
      const inside = relative(here, await realpath(join(here, path)));
      return leaves(inside) ? undefined : inside;
    } catch {
      return undefined;
    }
  }
}

/** Numbers are as in stat(2). */
export type FileFacts = {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly uid: number;
  readonly mode: number;
  readonly links: number;
  /** Device and inode: equal for all names of one file. */
  readonly identity: string;
};

/** Held by O_PATH, so a pipe or a device is not opened. */
export class ContainedFile implements Disposable {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get path(): string {
    return descriptorPath(this.#fd);
  }

  async stat(): Promise<FileFacts> {
    return factsOf(this.path);
  }

  /** For regular files. */
  async openToRead(): Promise<FileHandle> {
    return open(this.path, fs.O_RDONLY | fs.O_NONBLOCK);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

async function factsOf(path: string): Promise<FileFacts> {
  const found = await stat(path, { bigint: true });
  return {
    isFile: found.isFile(),
    isDirectory: found.isDirectory(),
    uid: Number(found.uid),
    mode: Number(found.mode) & 0o7777,
    links: Number(found.nlink),
    identity: `${found.dev}:${found.ino}`,
  };
}

function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

function leaves(path: string): boolean {
  return path === '..' || path.startsWith('../');
}

type OpenAt2 = { async(...values: readonly unknown[]): void };

let openat2: OpenAt2 | undefined;

/** Runs in another thread, because the disk may be slow. */
function openBeneath(directory: number, path: string): Promise<number> {
  openat2 ??= koffi.load(null).func('syscall', 'long', ['long', 'long', 'str', 'void *', 'size_t']);
  const call = openat2;
  const OPENAT2 = 437;
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC), 0);
  how.writeBigUInt64LE(RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH, 16);
  return new Promise((resolve, reject) => {
    call.async(OPENAT2, directory, path, how, how.length, (error: unknown, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(new SystemCallError(koffi.errno(), 'openat2', path));
      else resolve(result);
    });
  });
}

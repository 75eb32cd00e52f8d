import {
  closeSync,
  constants as fs,
  fstatSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { O_PATH } from './system-calls.ts';

/**
 * The directory a target lies in, held open from check to mount: whatever happens to the path meanwhile, `name` is
 * looked up in this very directory. Closed by `using`.
 */
export class OpenedParent implements Disposable {
  /** The target as it was resolved: absolute, cleaned, below the root's real path. For messages and the mount table. */
  readonly target: string;
  /** The last element. */
  readonly name: string;
  readonly parentPath: string;
  readonly path: string;
  readonly #descriptor: Descriptor;

  /** Takes over `fd`, a descriptor of the parent. */
  constructor(fd: number, target: string, name: string) {
    this.#descriptor = new Descriptor(fd);
    this.target = target;
    this.name = name;
    this.parentPath = `/proc/self/fd/${fd}`;
    this.path = `${this.parentPath}/${name}`;
  }

  /** What is at the target, mounts included; undefined for nothing. A symbolic link there is `failed-precondition`. */
  openExisting(): OpenedTarget | undefined {
    // Where mostly nothing is, being told so costs less than being refused.
    return this.#isThere() ? this.#openNoLink() : undefined;
  }

  #isThere(): boolean {
    try {
      return lstatSync(this.path, { throwIfNoEntry: false }) !== undefined;
    } catch (error) {
      throw toLanternError(error, `look at the target "${this.target}"`);
    }
  }

  #openNoLink(): OpenedTarget | undefined {
    const opened = this.#open();
    if (opened?.stats.isSymbolicLink() !== true) return opened;
    opened[Symbol.dispose]();
    throw symbolicLinkAt(this.target);
  }

  /** The same for taking away: a symbolic link is nothing of ours. */
  openUnlessLink(): OpenedTarget | undefined {
    const opened = this.#open();
    if (opened?.stats.isSymbolicLink() !== true) return opened;
    opened[Symbol.dispose]();
    return undefined;
  }

  #open(): OpenedTarget | undefined {
    try {
      return new OpenedTarget(openSync(this.path, O_PATH | fs.O_NOFOLLOW), this.target);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw this.#unopened(error);
    }
  }

  #unopened(error: unknown): LanternError {
    return toLanternError(error, `open the target "${this.target}"`);
  }

  /**
   * A new directory, 0750 whatever the umask: what is mounted on it has modes of its own. `already-exists` when
   * something got there first, `aborted` when another user's file or directory has taken its name meanwhile.
   */
  createDirectory(): OpenedTarget {
    this.#create(() => mkdirSync(this.path, 0o750));
    // A directory has to be opened by its name, which is not sure to be its own where others can write.
    const opened = this.#openingCreated(() => this.#openNoLink());
    if (opened?.isDirectory === true && opened.stats.uid === process.geteuid?.()) return opened;
    opened?.[Symbol.dispose]();
    throw new LanternError(
      'aborted',
      `create the target "${this.target}": somebody removed it, or put something else in its place, meanwhile; try again, or choose a directory that others cannot write to`,
    );
  }

  /** A new empty file, 0600, to mount a file on. `already-exists` when something got there first. */
  createFile(): OpenedTarget {
    const flags = fs.O_CREAT | fs.O_EXCL | fs.O_WRONLY | fs.O_NOFOLLOW;
    const fd = this.#create(() => openSync(this.path, flags, 0o600));
    try {
      // This very file, whatever has its name by now; one that stays open for writing could not be executed.
      return this.#openingCreated(() => new OpenedTarget(openSync(`/proc/self/fd/${fd}`, O_PATH), this.target));
    } catch (error) {
      throw this.#unopened(error);
    } finally {
      closeSync(fd);
    }
  }

  #create<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw toLanternError(error, `create the target "${this.target}"`);
    }
  }

  /** Where no descriptor is left, say, what was made goes again. */
  #openingCreated<T>(open: () => T): T {
    try {
      return open();
    } catch (error) {
      this.removeEmpty();
      throw error;
    }
  }

  /**
   * Removes what a publication was mounted on: an empty directory, or an empty file. Anything else stays: contents, links,
   * mounts, devices. Returns whether nothing is there now.
   */
  removeEmpty(): boolean {
    return this.#removing(() => {
      const stats = lstatSync(this.path);
      if (stats.isDirectory()) rmdirSync(this.path);
      else if (stats.isFile() && stats.size === 0) unlinkSync(this.path);
      else return false;
      return true;
    });
  }

  /** The same where nobody knows of a publication: a file is somebody's then, an empty one too (a lock, a marker). */
  removeEmptyDirectory(): boolean {
    return this.#removing(() => {
      rmdirSync(this.path);
      return true;
    });
  }

  #removing(action: () => boolean): boolean {
    try {
      return action();
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') return true;
      if (errno !== undefined && STAYS.has(errno)) return false;
      throw toLanternError(error, `remove the target "${this.target}"`);
    }
  }

  [Symbol.dispose](): void {
    this.#descriptor.close();
  }
}

/** Full, mounted on, on a read-only file system, swapped for something else between look and removal. */
const STAYS: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'EBUSY', 'EROFS', 'ENOTDIR', 'EISDIR']);

/** What is at a target, held open without any right to its contents. Closed by `using`. */
export class OpenedTarget implements Disposable {
  readonly fd: number;
  /** A path that leads to exactly this file or directory, for calls that take paths. */
  readonly path: string;
  /** As in OpenedParent. */
  readonly target: string;
  readonly stats: Stats;
  readonly #descriptor: Descriptor;

  /** Takes over `fd`. */
  constructor(fd: number, target: string) {
    this.fd = fd;
    this.#descriptor = new Descriptor(fd);
    this.path = `/proc/self/fd/${fd}`;
    this.target = target;
    this.stats = fstatSync(fd);
  }

  get isDirectory(): boolean {
    return this.stats.isDirectory();
  }

  /** Whether covering it would hide nothing. */
  isEmpty(): boolean {
    if (!this.isDirectory) return this.stats.isFile() && this.stats.size === 0;
    const directory = opendirSync(this.path, { bufferSize: 1 });
    try {
      return directory.readSync() === null;
    } finally {
      directory.closeSync();
    }
  }

  [Symbol.dispose](): void {
    this.#descriptor.close();
  }
}

/** Closes once: a second close would hit whoever got the number next. */
class Descriptor {
  #fd: number | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }
}

export function symbolicLinkAt(path: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `open the target "${path}": it is a symbolic link or lies behind one; name the real path, or start with --target-root for the linked directory`,
  );
}

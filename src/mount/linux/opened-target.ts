import {
  closeSync,
  constants as fs,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectoryAt, O_PATH, openEntry, removeDirectoryAt } from './system-calls.ts';

/** Owns a descriptor and closes it only once: after that, its number may be another file's. */
abstract class Opened implements Disposable {
  readonly fd: number;
  #isOpen = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.fd);
  }
}

/** A target's directory, held open from check to mount: whatever happens to the path, `name` is looked up in it. */
export class OpenedParent extends Opened {
  /** The target as resolved: absolute, cleaned, below the root's real path. For messages and the mount table. */
  readonly target: string;
  readonly name: string;
  readonly parentPath: string;
  readonly path: string;

  /** Takes ownership of `fd`, a descriptor of the parent. */
  constructor(fd: number, target: string, name: string) {
    super(fd);
    this.target = target;
    this.name = name;
    this.parentPath = `/proc/self/fd/${fd}`;
    this.path = `${this.parentPath}/${name}`;
  }

  /** Opens what is at the target, mounts included; undefined for nothing. `failed-precondition` for a symbolic link. */
  openExisting(): OpenedTarget | undefined {
    return this.#open('refuse link');
  }

  /** For a look at the identity alone: a symbolic link is opened itself. Undefined for nothing. */
  openAny(): OpenedTarget | undefined {
    return this.#open('open link');
  }

  /** For removing: a symbolic link is never a publication, and counts as nothing. */
  openUnlessLink(): OpenedTarget | undefined {
    return this.#open('ignore link');
  }

  #open(mode: 'refuse link' | 'ignore link' | 'open link'): OpenedTarget | undefined {
    let fd: number | undefined;
    try {
      fd = openEntry(this.fd, this.name);
    } catch (error) {
      throw toLanternError(error, `open the target "${this.target}"`);
    }
    if (fd === undefined) return undefined;
    const opened = new OpenedTarget(fd, this.target);
    if (mode === 'open link' || !opened.stats.isSymbolicLink()) return opened;
    opened[Symbol.dispose]();
    if (mode === 'refuse link') throw symbolicLinkAt(this.target);
    return undefined;
  }

  /**
   * A new directory, 0750 less the umask; what is mounted on it has its own modes. Throws `already-exists` if the name
   * is taken, `aborted` if another user's file or directory has taken it since.
   */
  createDirectory(): OpenedTarget {
    try {
      makeDirectoryAt(this.fd, this.name, 0o750);
    } catch (error) {
      throw this.#notCreated(error);
    }
    // A directory has to be opened by its name. Where others can write, the name may lead to another one by now.
    let opened: OpenedTarget | undefined;
    try {
      opened = this.#open('refuse link');
    } catch (error) {
      this.removeEmpty();
      throw error;
    }
    if (opened?.isDirectory === true && opened.stats.uid === process.geteuid?.()) return opened;
    opened?.[Symbol.dispose]();
    throw new LanternError(
      'aborted',
      `create the target "${this.target}": somebody removed it, or put something else in its place, meanwhile; try again, or choose a directory that others cannot write to`,
    );
  }

  /** A new empty file, 0600, to mount a file on. Throws `already-exists` if the name is taken. */
  createFile(): OpenedTarget {
    let fd: number;
    try {
      fd = openSync(this.path, fs.O_CREAT | fs.O_EXCL | fs.O_WRONLY | fs.O_NOFOLLOW, 0o600);
    } catch (error) {
      throw this.#notCreated(error);
    }
    try {
      // Opens this very file, whatever has its name by now. One that stays open for writing could not be executed.
      return new OpenedTarget(openSync(`/proc/self/fd/${fd}`, O_PATH), this.target);
    } catch (error) {
      this.removeEmpty();
      throw toLanternError(error, `open the target "${this.target}"`);
    } finally {
      closeSync(fd);
    }
  }

  #notCreated(error: unknown): LanternError {
    return toLanternError(error, `create the target "${this.target}"`);
  }

  /** Removes an empty directory or file. Contents, links, mounts and devices stay. True if nothing is there now. */
  removeEmpty(): boolean {
    return this.#remove('directory or file');
  }

  /** The same where no publication is known: an empty file stays too, since it may be somebody's lock or marker. */
  removeEmptyDirectory(): boolean {
    return this.#remove('directory');
  }

  #remove(what: 'directory' | 'directory or file'): boolean {
    try {
      try {
        // Most targets are directories.
        removeDirectoryAt(this.fd, this.name);
      } catch (error) {
        if (what === 'directory' || errnoOf(error) !== 'ENOTDIR') throw error;
        const stats = lstatSync(this.path);
        if (!stats.isFile() || stats.size > 0) return false;
        unlinkSync(this.path);
      }
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') return true;
      if (errno !== undefined && STAYS.has(errno)) return false;
      throw toLanternError(error, `remove the target "${this.target}"`);
    }
  }
}

/** Not empty, mounted on, on a read-only file system, or replaced between look and removal. */
const STAYS: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'EBUSY', 'EROFS', 'ENOTDIR', 'EISDIR']);

/** The file or directory at a target, held open without access to its contents. */
export class OpenedTarget extends Opened {
  /** Leads to exactly this file or directory, for calls that take paths. */
  readonly path: string;
  /** As in OpenedParent. */
  readonly target: string;
  #stats: Stats | undefined;

  /** Takes ownership of `fd`. */
  constructor(fd: number, target: string) {
    super(fd);
    this.path = `/proc/self/fd/${fd}`;
    this.target = target;
  }

  /** Read on first use. */
  get stats(): Stats {
    this.#stats ??= fstatSync(this.fd);
    return this.#stats;
  }

  get isDirectory(): boolean {
    return this.stats.isDirectory();
  }

  /** True if covering it hides nothing. */
  isEmpty(): boolean {
    if (!this.isDirectory) return this.stats.isFile() && this.stats.size === 0;
    const directory = opendirSync(this.path, { bufferSize: 1 });
    try {
      return directory.readSync() === null;
    } finally {
      directory.closeSync();
    }
  }
}

export function symbolicLinkAt(path: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `open the target "${path}": it is a symbolic link or lies behind one; name the real path, or start with --target-root for the linked directory`,
  );
}

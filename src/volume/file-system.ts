import { errnoOf } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';

/**
 * The part of a file system that volumes need. Each method is one system call (or stands for one), so that a test can
 * stop a write after every single one. Synchronous, since memory never waits. Failures are Node's errors, with the
 * errno's name as `code`. No method follows a link in the last element of a path, but `chmod`, which is for
 * directories of our own making only.
 */
export interface VolumeFs {
  /** To whom new files belong. */
  readonly owner: Owner;
  /** The mode is subject to the umask. */
  mkdir(path: string, mode: number): void;
  /** Only an empty directory. */
  rmdir(path: string): void;
  /** Names and kinds of what a directory holds, in no order. */
  readdir(path: string): readonly DirectoryEntry[];
  /** Opens a new file for writing; EEXIST when the name is taken. The mode is subject to the umask. */
  create(path: string, mode: number): number;
  /** Opens a file for writing that is there or not, and empties it. The mode is subject to the umask. */
  createOrEmpty(path: string, mode: number): number;
  /** Returns how many bytes were taken, which may be fewer than given when memory runs out. */
  write(fd: number, bytes: Uint8Array): number;
  fchown(fd: number, owner: OwnerChange): void;
  fchmod(fd: number, mode: number): void;
  close(fd: number): void;
  chown(path: string, owner: OwnerChange): void;
  chmod(path: string, mode: number): void;
  symlink(target: string, path: string): void;
  readlink(path: string): string;
  /** Replaces what is at `to`, atomically. */
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Undefined when nothing is there. */
  lstat(path: string): FileStatus | undefined;
  /**
   * Of each path, in their order: undefined where nothing is there, or cannot be reached. One call for each, and where the
   * file system opens directories, one opening for those that follow each other in the same directory.
   */
  stamps(paths: readonly string[]): readonly (FileStamp | undefined)[];
  /** All bytes of a regular file; ELOOP for a link. */
  readFile(path: string): Uint8Array;
}

/** Numeric user and group. */
export type Owner = { readonly user: number; readonly group: number };

/** What is undefined stays as it is. */
type OwnerChange = { readonly user?: number | undefined; readonly group?: number | undefined };

export type FileType = 'file' | 'directory' | 'symlink' | 'other';

export type DirectoryEntry = { readonly name: string; readonly type: FileType };

/**
 * Changes with all that is done to a file, or to a directory's own names: where two stamps of one path are equal, nobody
 * touched what is there in between. But a change within some milliseconds of the one before may not show.
 */
export type FileStamp = {
  readonly inode: number;
  /** Of the last change of whatever kind (ctime): seconds since 1970, and the rest in nanoseconds. */
  readonly seconds: number;
  readonly nanoseconds: number;
};

export type FileStatus = Owner & {
  readonly type: FileType;
  /** Permission bits, setuid, setgid and sticky included. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
};

/** Nobody but the daemon sees a file before it has its owner and mode. */
const UNFINISHED_MODE = 0o600;

/** A new file with these bytes: written first, then given to its owner (where that is another), then its mode. */
export function createFile(fs: VolumeFs, path: string, bytes: Uint8Array, owner: OwnerChange, mode: number): void {
  const fd = fs.create(path, UNFINISHED_MODE);
  try {
    writeAll(fs, fd, bytes);
    if (owner.user !== undefined || owner.group !== undefined) fs.fchown(fd, owner);
    fs.fchmod(fd, mode);
  } finally {
    fs.close(fd);
  }
}

/** A file beside its final name first, so that it is never seen half: 0600, replaced by rename. */
export function replaceFile(fs: VolumeFs, path: string, temporaryPath: string, bytes: Uint8Array): void {
  const fd = fs.createOrEmpty(temporaryPath, UNFINISHED_MODE);
  try {
    writeAll(fs, fd, bytes);
  } finally {
    fs.close(fd);
  }
  fs.rename(temporaryPath, path);
}

/** A write may take less than it was given; the next one then says why. */
function writeAll(fs: VolumeFs, fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.byteLength; ) {
    written += fs.write(fd, written === 0 ? bytes : bytes.subarray(written));
  }
}

/**
 * Removes a directory and all that is in it; links are removed, not followed. What took the directory's own place is
 * removed as well, where the file system refuses to list it. Nothing there: nothing happens.
 */
export function* removingTree(fs: VolumeFs, directory: string): Steps<void> {
  try {
    const entries = listUnlessReplaced(fs, directory);
    for (const { name, type } of entries ?? []) {
      if (type === 'directory') yield* removingTree(fs, `${directory}/${name}`);
      else fs.unlink(`${directory}/${name}`);
      yield;
    }
    if (entries === undefined) fs.unlink(directory);
    else fs.rmdir(directory);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Undefined for a link, or a file. */
function listUnlessReplaced(fs: VolumeFs, directory: string): readonly DirectoryEntry[] | undefined {
  try {
    return fs.readdir(directory);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ELOOP' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Removes the tree if it can be; false when something in it cannot be removed (a busy mount, say). */
export function* tryRemovingTree(fs: VolumeFs, directory: string): Steps<boolean> {
  try {
    yield* removingTree(fs, directory);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

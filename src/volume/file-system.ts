import * as node from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';

/**
 * The part of a file system that volumes need. Each method is one system call (or stands for one), so that a test can
 * stop a write after every single one. Synchronous, since memory never waits. Failures are Node's errors, with the
 * errno's name as `code`. No method follows a link in the last element of a path, except `chmod`, which is only for
 * directories that the daemon made.
 */
export interface VolumeFs {
  /** The owner of new files. */
  readonly owner: Owner;
  /** The mode is subject to the umask. */
  mkdir(path: string, mode: number): void;
  /** Only an empty directory. */
  rmdir(path: string): void;
  /** Names and types of the entries, in no order. */
  readdir(path: string): readonly DirectoryEntry[];
  /** Opens a new file for writing; EEXIST when the name is taken. The mode is subject to the umask. */
  create(path: string, mode: number): number;
  /** Opens a file for writing, created if missing, and truncates it. The mode is subject to the umask. */
  createOrEmpty(path: string, mode: number): number;
  /** Returns the number of bytes written, which may be less than given when memory runs out. */
  write(fd: number, bytes: Uint8Array): number;
  fchown(fd: number, owner: OwnerChange): void;
  fchmod(fd: number, mode: number): void;
  close(fd: number): void;
  chown(path: string, owner: OwnerChange): void;
  chmod(path: string, mode: number): void;
  symlink(target: string, path: string): void;
  readlink(path: string): string;
  /** Atomically replaces what is at `to`. */
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Undefined when nothing is there. */
  lstat(path: string): FileStatus | undefined;
  /**
   * The stamps of these paths, in their order; undefined where nothing is there or it cannot be reached. One call for
   * each path. Where the file system opens directories, paths that follow each other in one directory share one
   * opening.
   */
  stamps(paths: readonly string[]): readonly (FileStamp | undefined)[];
  /** All bytes of a regular file; ELOOP for a link. */
  readFile(path: string): Uint8Array;
}

/** Numeric user and group. */
export type Owner = { readonly user: number; readonly group: number };

/** An undefined part stays as it is. */
type OwnerChange = { readonly user?: number | undefined; readonly group?: number | undefined };

export type FileType = 'file' | 'directory' | 'symlink' | 'other';

export type DirectoryEntry = { readonly name: string; readonly type: FileType };

/**
 * Changes with every change of a file, or of a directory's own names: if two stamps of one path are equal, nobody
 * touched what is there in between. A change within some milliseconds of the one before may not show.
 */
export type FileStamp = {
  readonly inode: number;
  /** Time of the last change of any kind (ctime): seconds since 1970, and the rest in nanoseconds. */
  readonly seconds: number;
  readonly nanoseconds: number;
};

export type FileStatus = Owner & {
  readonly type: FileType;
  /** Permission bits, including setuid, setgid and sticky. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
};

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } = node.constants;

/** chown(2) leaves this id as it is. */
const UNCHANGED = -1;

/**
 * The host's file system. The calls are synchronous: use it only for file systems in memory, which never wait for a
 * disk.
 */
export const nodeFileSystem: VolumeFs = {
  owner: { user: process.geteuid?.() ?? 0, group: process.getegid?.() ?? 0 },
  mkdir: node.mkdirSync,
  rmdir: node.rmdirSync,
  readdir: (path) =>
    node.readdirSync(path, { withFileTypes: true }).map((entry) => ({ name: entry.name, type: fileType(entry) })),
  create: (path, mode) => node.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode),
  createOrEmpty: (path, mode) => node.openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode),
  write: node.writeSync,
  fchown: (fd, { user = UNCHANGED, group = UNCHANGED }) => node.fchownSync(fd, user, group),
  fchmod: node.fchmodSync,
  close: node.closeSync,
  chown: (path, { user = UNCHANGED, group = UNCHANGED }) => node.lchownSync(path, user, group),
  chmod: node.chmodSync,
  symlink: node.symlinkSync,
  readlink: (path) => node.readlinkSync(path),
  rename: node.renameSync,
  unlink: node.unlinkSync,
  lstat(path) {
    const status = node.lstatSync(path, { throwIfNoEntry: false });
    if (status === undefined) return undefined;
    const { mode, uid: user, gid: group, size } = status;
    return { type: fileType(status), mode: mode & 0o7777, user, group, size };
  },
  stamps: (paths) => stampsBy(paths, (path) => stampOf(node.lstatSync(path, { bigint: true, throwIfNoEntry: false }))),
  readFile(path) {
    const fd = node.openSync(path, O_RDONLY | O_NOFOLLOW);
    try {
      return node.readFileSync(fd);
    } finally {
      node.closeSync(fd);
    }
  },
};

const NANOSECONDS = 1_000_000_000n;

/** From the stats of Node or memfs. */
export function stampOf(stats: { ino: bigint; ctimeNs: bigint } | undefined): FileStamp | undefined {
  if (stats === undefined) return undefined;
  const { ino, ctimeNs } = stats;
  return {
    inode: Number(ino),
    seconds: Number(ctimeNs / NANOSECONDS),
    nanoseconds: Number(ctimeNs % NANOSECONDS),
  };
}

/** A path that cannot be reached, because a directory on the way is gone, counts as missing. */
export function stampsBy(
  paths: readonly string[],
  stamp: (path: string) => FileStamp | undefined,
): readonly (FileStamp | undefined)[] {
  return paths.map((path) => {
    try {
      return stamp(path);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  });
}

/** Takes a `Dirent` or `Stats`, of Node or memfs. */
export function fileType(entry: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): FileType {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}

/** How full a file system is. A total of 0 means no limit, as tmpfs reports it. */
export type FileSystemUsage = {
  readonly usedBytes: number;
  readonly totalBytes: number;
  readonly usedInodes: number;
  readonly totalInodes: number;
  /** Files take whole blocks of this size. */
  readonly blockBytes: number;
};

/** Usage of the whole file system that `path` lies on. */
export function readUsage(path: string): FileSystemUsage {
  const { bsize, blocks, bfree, files, ffree } = node.statfsSync(path);
  return {
    usedBytes: (blocks - bfree) * bsize,
    totalBytes: blocks * bsize,
    usedInodes: files - ffree,
    totalInodes: files,
    blockBytes: bsize,
  };
}

/** Only the daemon can open a file before it has its owner and mode. */
const UNFINISHED_MODE = 0o600;

/** Creates a file: bytes first, then the owner (if another is asked for), then the mode. */
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

/**
 * Writes a 0600 file as `<path>.tmp` and renames it, so that nobody ever sees half of it. Not synced: for memory only.
 */
export function replaceFile(fs: VolumeFs, path: string, bytes: Uint8Array): void {
  const temporaryPath = `${path}.tmp`;
  const fd = fs.createOrEmpty(temporaryPath, UNFINISHED_MODE);
  try {
    writeAll(fs, fd, bytes);
  } finally {
    fs.close(fd);
  }
  fs.rename(temporaryPath, path);
}

/** A write may take fewer bytes than given; the next one then fails with the reason. */
function writeAll(fs: VolumeFs, fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.byteLength; ) {
    written += fs.write(fd, written === 0 ? bytes : bytes.subarray(written));
  }
}

/**
 * Removes a directory and its contents; links are removed, not followed. If a link or file has taken the directory's
 * place, that is removed. Missing: nothing happens.
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

/** Undefined for a link or a file. */
function listUnlessReplaced(fs: VolumeFs, directory: string): readonly DirectoryEntry[] | undefined {
  try {
    return fs.readdir(directory);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ELOOP' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Returns false when something in the tree cannot be removed, such as a busy mount. */
export function* tryRemovingTree(fs: VolumeFs, directory: string): Steps<boolean> {
  try {
    yield* removingTree(fs, directory);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

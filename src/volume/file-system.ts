import * as node from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import { byteOrderAmong } from '../payload/payload.ts';

/**
 * The part of a file system that volumes need. Each method is (or stands for) one system call, so that a test can stop
 * a write after each. Calls are synchronous, since memory never waits. Errors have the errno's name as `code`. No
 * method follows a link at the end of a path, except `chmod`, which is only for the daemon's directories.
 */
export interface VolumeFs {
  /** The owner of new files. */
  readonly owner: Owner;
  /** The bits that a mode may lose when a file or directory is made with it. */
  umask(): number;
  /** The mode is subject to the umask, as in the two methods that create a file. */
  mkdir(path: string, mode: number): void;
  /** Only an empty directory. */
  rmdir(path: string): void;
  /** Names and types of the entries, in no order. */
  readdir(path: string): readonly DirectoryEntry[];
  /** Opens a new file for writing; EEXIST if the name is taken. */
  create(path: string, mode: number): number;
  /** Opens a file for writing, created if missing, and truncates it. */
  createOrEmpty(path: string, mode: number): number;
  /** Returns the number of bytes written, which is less than given when memory runs out. */
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
  /** One call each, until one fails; successive paths may share an opened directory. */
  unlinkAll(paths: readonly string[]): void;
  /** Undefined when nothing is there. */
  lstat(path: string): FileStatus | undefined;
  /** The paths' stamps, undefined if unreachable. One call each; successive paths may share an opened directory. */
  stamps(paths: readonly string[]): readonly (FileStamp | undefined)[];
  /** All bytes of a regular file; ELOOP for a link. */
  readFile(path: string): Uint8Array;
}

export type Owner = { readonly user: number; readonly group: number };

/** Undefined parts stay as they are. */
type OwnerChange = { readonly user?: number | undefined; readonly group?: number | undefined };

export type FileType = 'file' | 'directory' | 'symlink' | 'other';

export type DirectoryEntry = { readonly name: string; readonly type: FileType };

/**
 * Changes with every change of a file, or of a directory's own names. Two equal stamps of one path mean that nobody
 * touched it in between. A change within some milliseconds of the one before may not show.
 */
export type FileStamp = {
  readonly inode: number;
  /** Time of the last change of any kind (ctime): seconds since 1970, and nanoseconds of that second. */
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

/** The host's file system. Its calls block, so use it only for file systems in memory. */
export const nodeFileSystem: VolumeFs = {
  owner: { user: process.geteuid?.() ?? 0, group: process.getegid?.() ?? 0 },
  umask: () => process.umask(),
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
  unlinkAll(paths) {
    for (const path of paths) node.unlinkSync(path);
  },
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

/** Takes the stats of Node or memfs. */
export function stampOf(stats: { ino: bigint; ctimeNs: bigint } | undefined): FileStamp | undefined {
  if (stats === undefined) return undefined;
  const { ino, ctimeNs } = stats;
  return {
    inode: Number(ino),
    seconds: Number(ctimeNs / NANOSECONDS),
    nanoseconds: Number(ctimeNs % NANOSECONDS),
  };
}

/** A path counts as missing if a directory on the way is gone. */
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

export function fileType(entry: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): FileType {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}

/** A total of 0 means no limit, as tmpfs reports it. */
export type FileSystemUsage = {
  readonly usedBytes: number;
  readonly totalBytes: number;
  readonly usedInodes: number;
  readonly totalInodes: number;
  /** Files take whole blocks of this size. */
  readonly blockBytes: number;
};

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

/** Nobody but the daemon can open a file before it has its owner and mode. */
const UNFINISHED_MODE = 0o600;

const ALL_BITS = 0o7777;

/**
 * Writes the bytes first, then sets the owner (if one is given), then the mode. A mode that loses no bit (`lost`, see
 * `VolumeFs.umask`) is set at once: then the directory must be closed to others until the file is complete.
 */
export function createFile(
  fs: VolumeFs,
  path: string,
  bytes: Uint8Array,
  { user, group }: OwnerChange,
  mode: number,
  lost = ALL_BITS,
): void {
  const isGiven = user !== undefined || group !== undefined;
  const isComplete = !isGiven && (mode & lost) === 0;
  const fd = fs.create(path, isComplete ? mode : UNFINISHED_MODE);
  try {
    writeAll(fs, fd, bytes);
    if (isComplete) return;
    if (isGiven) fs.fchown(fd, { user, group });
    fs.fchmod(fd, mode);
  } finally {
    fs.close(fd);
  }
}

/** Writes a 0600 file as `<path>.tmp` and renames it, so nobody ever sees half of it. Not synced: only for memory. */
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

/** Removes a directory, or what replaced it, without following links. A missing directory is not an error. */
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

/** Returns false if something in the tree cannot be removed, such as a busy mount. */
export function* tryRemovingTree(fs: VolumeFs, directory: string): Steps<boolean> {
  try {
    yield* removingTree(fs, directory);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

export type TreeEntry = {
  /** Relative to the volume. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Permission bits, setgid included. */
  readonly mode: number;
  readonly user: number;
  readonly group: number;
  readonly size: number;
  readonly linkTarget: string | undefined;
  readonly contents: Uint8Array | undefined;
};

type ReadTreeOptions = { readonly withContents: boolean };

/** Everything below a directory, depth first, in byte order, links not followed. `withContents` adds file contents. */
export function* readingTree(fs: VolumeFs, directory: string, options: ReadTreeOptions): Steps<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const visit = function* (parent: string): Steps<void> {
    const names = fs.readdir(parent === '' ? directory : `${directory}/${parent}`).map(({ name }) => name);
    for (const name of names.sort(byteOrderAmong(names))) {
      const path = parent === '' ? name : `${parent}/${name}`;
      const place = `${directory}/${path}`;
      const status = fs.lstat(place);
      if (status === undefined || status.type === 'other') continue;
      const { type } = status;
      const linkTarget = type === 'symlink' ? fs.readlink(place) : undefined;
      const contents = type === 'file' && options.withContents ? fs.readFile(place) : undefined;
      entries.push({ path, ...status, type, linkTarget, contents });
      yield;
      if (type === 'directory') yield* visit(path);
    }
  };
  yield* visit('');
  return entries;
}

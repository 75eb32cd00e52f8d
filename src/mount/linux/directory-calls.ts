import { closeSync, constants as fs } from 'node:fs';
import { arch, constants } from 'node:os';
import koffi from 'koffi';
import { LanternError, SystemCallError } from '../../base/errors.ts';
import type { FileStamp, FileStatus, FileType } from '../../volume/file-system.ts';
import {
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  checked,
  libc,
  makeDirectoryAt,
  OPENAT2,
  removeDirectoryAt,
  stampAt,
  statx,
} from './system-calls.ts';

/** Device and inode identify the file as long as it is held open. */
export type EntryStatus = FileStatus & { readonly device: string; readonly inode: bigint };

/**
 * Linux calls that work below an opened directory. `name` is a single element, and a link of that name is not followed.
 * Failures throw SystemCallError; descriptors are close-on-exec. An interface, so that tests can act before each call.
 */
export interface DirectoryCalls {
  /** Never leaves the directory: no link, no `..` and no mount in `path` is followed. `mode` is for a created file. */
  open(directory: number, path: string, flags: number, mode?: number): number;
  close(fd: number): void;
  mkdir(directory: number, name: string, mode: number): void;
  unlink(directory: number, name: string): void;
  rmdir(directory: number, name: string): void;
  symlink(target: string, directory: number, name: string): void;
  readlink(directory: number, name: string): string;
  rename(fromDirectory: number, from: string, toDirectory: number, to: string): void;
  /** A user or group of -1 stays as it is. */
  chown(directory: number, name: string, user: number, group: number): void;
  /** Undefined if nothing is there. In a path, links are followed in all elements but the last. */
  status(directory: number, name: string): EntryStatus | undefined;
  /** Undefined if nothing is there. */
  stamp(directory: number, name: string): FileStamp | undefined;
}

const O_CLOEXEC = 0o2000000;

/** RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS and RESOLVE_BENEATH. */
const RESOLVE_WITHIN = 0x1 | 0x2 | 0x4 | 0x8;

/** PATH_MAX: no link is longer. */
const LINK_BYTES = 4096;

/** Shared by all calls, which are synchronous. */
const openHow = Buffer.alloc(24);
const statusBuffer = Buffer.alloc(256);
const linkBuffer = Buffer.alloc(LINK_BYTES);
openHow.writeUInt32LE(RESOLVE_WITHIN, 16);

export const directoryCalls: DirectoryCalls = {
  open(directory, path, flags, mode = 0) {
    openHow.writeUInt32LE(flags | O_CLOEXEC, 0);
    openHow.writeUInt32LE(mode, 8);
    return checked(libc().openat2(OPENAT2, directory, path, openHow, openHow.length), 'openat2', path);
  },
  close: closeSync,
  mkdir: makeDirectoryAt,
  unlink: (directory, name) => void checked(libc().unlinkat(directory, name, 0), 'unlinkat', name),
  rmdir: removeDirectoryAt,
  symlink: (target, directory, name) => void checked(libc().symlinkat(target, directory, name), 'symlinkat', name),
  readlink(directory, name) {
    const length = checked(libc().readlinkat(directory, name, linkBuffer, LINK_BYTES), 'readlinkat', name);
    return linkBuffer.toString('utf8', 0, length);
  },
  rename: (fromDirectory, from, toDirectory, to) =>
    void checked(libc().renameat(fromDirectory, from, toDirectory, to), 'renameat', from),
  chown: (directory, name, user, group) =>
    void checked(libc().fchownat(directory, name, user, group, AT_SYMLINK_NOFOLLOW), 'fchownat', name),
  status(directory, name) {
    const STATX_BASIC_STATS = 0x7ff;
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    return statx(directory, name, flags, STATX_BASIC_STATS, statusBuffer) ? statusIn(statusBuffer) : undefined;
  },
  stamp: stampAt,
};

function statusIn(buffer: Buffer): EntryStatus {
  const mode = buffer.readUInt16LE(28);
  return {
    type: TYPES.get(mode & fs.S_IFMT) ?? 'other',
    mode: mode & 0o7777,
    user: buffer.readUInt32LE(20),
    group: buffer.readUInt32LE(24),
    size: Number(buffer.readBigUInt64LE(40)),
    device: `${buffer.readUInt32LE(136)}:${buffer.readUInt32LE(140)}`,
    inode: buffer.readBigUInt64LE(32),
  };
}

const TYPES: ReadonlyMap<number, FileType> = new Map([
  [fs.S_IFREG, 'file'],
  [fs.S_IFDIR, 'directory'],
  [fs.S_IFLNK, 'symlink'],
]);

/** Reads no further than the first entry of the directory that `fd` is open on. */
export function isEmptyDirectory(fd: number): boolean {
  const number = GETDENTS64[arch()];
  if (number === undefined) {
    throw new LanternError(
      'unimplemented',
      `list a directory: a "${arch()}" processor is not supported, only x64 and arm64`,
    );
  }
  const listing = directoryCalls.open(fd, '.', fs.O_RDONLY | fs.O_DIRECTORY);
  try {
    for (;;) {
      const length = checked(libc().getdents64(number, listing, entryBuffer, entryBuffer.length), 'getdents64', '.');
      if (length === 0) return true;
      if (holdsName(entryBuffer, length)) return false;
    }
  } finally {
    closeSync(listing);
  }
}

/** True for an entry other than `.` and `..`. Each has its length at offset 16, and its name, ended by NUL, at 19. */
function holdsName(entries: Buffer, length: number): boolean {
  const dot = 0x2e;
  for (let at = 0; at < length; at += entries.readUInt16LE(at + 16)) {
    const [first, second, third] = entries.subarray(at + 19, at + 22);
    if (first !== dot || (second !== 0 && (second !== dot || third !== 0))) return true;
  }
  return false;
}

/** Room for some entries; the longest takes 280 bytes. */
const entryBuffer = Buffer.alloc(1024);

const GETDENTS64: Readonly<Record<string, number>> = { x64: 217, arm64: 61 };

/** The kernel's limit for the value of one attribute. */
const attributeBuffer = Buffer.alloc(65_536);
const ACCESS_LIST = 'system.posix_acl_access';
const DEFAULT_LIST = 'system.posix_acl_default';

/** The list in the kernel's binary form, see acl(5); undefined for none. `path` as in `removeAccessLists`. */
export function readAccessList(path: string): Buffer | undefined {
  const length = libc().getxattr(path, ACCESS_LIST, attributeBuffer, attributeBuffer.length);
  if (length >= 0) return Buffer.from(attributeBuffer.subarray(0, length));
  const errno = koffi.errno();
  if (WITHOUT_LIST.has(errno)) return undefined;
  throw new SystemCallError(errno, 'getxattr', path);
}

/** Sets the list, and with it the mode. False if the file system has no such lists, or no room for it. */
export function writeAccessList(path: string, list: Buffer): boolean {
  if (libc().setxattr(path, ACCESS_LIST, list, list.length, 0) === 0) return true;
  const errno = koffi.errno();
  if (WITHOUT_ROOM_FOR_LIST.has(errno)) return false;
  throw new SystemCallError(errno, 'setxattr', path);
}

/** Removes access control lists, inherited ones included. `path` is that of an opened file, in `/proc/self/fd`. */
export function removeAccessLists(path: string): void {
  removeLists(path, ACCESS_LIST, DEFAULT_LIST);
}

/** Removes only the default list, which new entries of the directory would inherit. */
export function removeDefaultList(path: string): void {
  removeLists(path, DEFAULT_LIST);
}

function removeLists(path: string, ...names: readonly string[]): void {
  for (const name of names) {
    if (libc().removexattr(path, name) === 0) continue;
    const errno = koffi.errno();
    if (!WITHOUT_LIST.has(errno)) throw new SystemCallError(errno, 'removexattr', path);
  }
}

/** The file has no list, or cannot have one. */
const WITHOUT_LIST: ReadonlySet<number> = new Set([
  constants.errno.ENODATA,
  constants.errno.EOPNOTSUPP,
  constants.errno.EACCES,
]);

/** EINVAL may also mean users that the user namespace does not map. */
const WITHOUT_ROOM_FOR_LIST: ReadonlySet<number> = new Set([
  constants.errno.EOPNOTSUPP,
  constants.errno.ENOSPC,
  constants.errno.E2BIG,
  constants.errno.ERANGE,
  constants.errno.EINVAL,
]);

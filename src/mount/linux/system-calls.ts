import { closeSync, constants as fs } from 'node:fs';
import { arch, constants } from 'node:os';
import koffi from 'koffi';
import { LanternError, SystemCallError } from '../../base/errors.ts';
import type { FileStamp } from '../../volume/file-system.ts';

/**
 * Linux calls that Node does not offer: libc's wrappers where every libc has them, otherwise by number, because musl,
 * and glibc before 2.36, lack the new mount calls. Failures throw SystemCallError; descriptors are close-on-exec.
 */

/** Since 5.1, new calls have one number on all architectures. statx is older and does not. */
const OPEN_TREE = 428;
const MOVE_MOUNT = 429;
export const OPENAT2 = 437;
const MOUNT_SETATTR = 442;
const STATX: Readonly<Record<string, number>> = { x64: 332, arm64: 291 };

export const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
export const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
export const AT_NO_AUTOMOUNT = 0x800;

/** Opens a file for naming only. The same value on x86-64 and arm64, as is O_CLOEXEC. */
export const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MNT_DETACH = 0x2;

export const MOUNT_ATTR_RDONLY = 0x1;
export const MOUNT_ATTR_NOSUID = 0x2;
export const MOUNT_ATTR_NODEV = 0x4;
export const MOUNT_ATTR_NOEXEC = 0x8;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

type Native = (...values: readonly (number | bigint | string | Buffer | null)[]) => number;
/** `async` makes the call in a thread of libuv's pool. koffi reports its errno in the callback. */
type Threaded = Native & { async(...values: readonly unknown[]): void };

function loadLibc() {
  const library = koffi.load(null);
  const call = (name: string, ...types: readonly string[]): Threaded => library.func(name, 'int', [...types]);
  // koffi has no ssize_t.
  const sized = (name: string, ...types: readonly string[]): Native => library.func(name, 'long', [...types]);
  // `syscall` is variadic in C. For integers and pointers, both calling conventions match those of a plain call.
  const numbered = (...types: readonly string[]): Native => library.func('syscall', 'long', ['long', ...types]);
  return {
    mount: call('mount', 'str', 'str', 'str', 'ulong', 'str'),
    umount2: call('umount2', 'str', 'int'),
    unshare: call('unshare', 'int'),
    setns: call('setns', 'int', 'int'),
    chroot: call('chroot', 'str'),
    fchdir: call('fchdir', 'int'),
    flock: call('flock', 'int', 'int'),
    poll: call('poll', 'void *', 'ulong', 'int'),
    prctl: call('prctl', 'int', 'ulong', 'ulong', 'ulong', 'ulong'),
    setrlimit: call('setrlimit', 'int', 'void *'),
    mkdirat: call('mkdirat', 'int', 'str', 'uint'),
    unlinkat: call('unlinkat', 'int', 'str', 'int'),
    symlinkat: call('symlinkat', 'str', 'int', 'str'),
    readlinkat: sized('readlinkat', 'int', 'str', 'void *', 'size_t'),
    renameat: call('renameat', 'int', 'str', 'int', 'str'),
    fchownat: call('fchownat', 'int', 'str', 'int', 'int', 'int'),
    getxattr: sized('getxattr', 'str', 'str', 'void *', 'size_t'),
    setxattr: call('setxattr', 'str', 'str', 'void *', 'size_t', 'int'),
    removexattr: call('removexattr', 'str', 'str'),
    pivotRoot: numbered('str', 'str'),
    openat2: numbered('long', 'str', 'void *', 'size_t'),
    openTree: numbered('long', 'str', 'ulong'),
    moveMount: numbered('long', 'str', 'long', 'str', 'ulong'),
    mountSetattr: numbered('long', 'str', 'ulong', 'void *', 'size_t'),
    statx: numbered('long', 'str', 'ulong', 'ulong', 'void *'),
    getdents64: numbered('long', 'void *', 'size_t'),
  };
}

let loaded: ReturnType<typeof loadLibc> | undefined;

/** Loaded on first use, so that the command line's clients do not pay for it. */
export function libc(): ReturnType<typeof loadLibc> {
  loaded ??= loadLibc();
  return loaded;
}

/** Throws the SystemCallError of a call that failed. */
export function checked(result: number, syscall: string, path: string | undefined): number {
  if (result < 0) throw new SystemCallError(koffi.errno(), syscall, path);
  return result;
}

/** mount(2). `data` holds the file system's own options. */
export function mount(source: string, target: string, type: string, flags: number, data: string): void {
  checked(libc().mount(source, target, type, flags, data), 'mount', target);
}

export function umount(path: string, flags: number): void {
  checked(libc().umount2(path, flags), 'umount2', path);
}

export async function umountInThread(path: string, flags: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    libc().umount2.async(path, flags, (error: unknown, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(new SystemCallError(koffi.errno(), 'umount2', path));
      else resolve();
    });
  });
}

/**
 * Gives the calling thread its own copy of the mount table, without propagation in either direction. Threads of libuv's
 * pool keep the old one: only synchronous calls and new processes see the copy.
 */
export function leaveMountNamespace(): void {
  const CLONE_NEWNS = 0x20000;
  const MS_REC = 0x4000;
  checked(libc().unshare(CLONE_NEWNS), 'unshare', undefined);
  mount('none', '/', '', MS_REC | MS_PRIVATE, '');
}

/** Bytes of a path that one call takes, including the NUL. */
const PATH_MAX = 4096;

/** Of openat2(2): flags, and how to resolve. */
const NAMING = Buffer.alloc(24);
const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_NO_SYMLINKS = 4;
NAMING.writeUInt32LE(O_PATH | O_CLOEXEC | fs.O_DIRECTORY, 0);
NAMING.writeUInt32LE(RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS, 16);

/**
 * Opens an absolute path for naming (O_PATH). A symbolic link in any element, the last included, is ELOOP. A path
 * beyond PATH_MAX, to a mount whose target somebody moved deep down, is opened element by element.
 */
export function openDirectoryWithoutLinks(path: string): number {
  const elements = Buffer.byteLength(path) < PATH_MAX ? [] : path.split('/').filter((element) => element !== '');
  const open = (above: number, piece: string) =>
    checked(libc().openat2(OPENAT2, above, piece, NAMING, NAMING.length), 'openat2', piece);
  let fd = open(AT_FDCWD, elements.length === 0 ? path : '/');
  for (const element of elements) {
    const above = fd;
    try {
      fd = open(above, element);
    } finally {
      closeSync(above);
    }
  }
  return fd;
}

const NAMING_ENTRY = Buffer.alloc(24);
NAMING_ENTRY.writeUInt32LE(O_PATH | O_CLOEXEC | fs.O_NOFOLLOW, 0);

/** Opens an entry of a directory for naming (O_PATH): a link itself, or the mount on it. Undefined for nothing. */
export function openEntry(directory: number, name: string): number | undefined {
  const fd = libc().openat2(OPENAT2, directory, name, NAMING_ENTRY, NAMING_ENTRY.length);
  if (fd >= 0) return fd;
  const errno = koffi.errno();
  if (errno === constants.errno.ENOENT) return undefined;
  throw new SystemCallError(errno, 'openat2', name);
}

/** mkdirat(2): a directory, its mode less the umask. */
export function makeDirectoryAt(directory: number, name: string, mode: number): void {
  checked(libc().mkdirat(directory, name, mode), 'mkdirat', name);
}

/** unlinkat(2) of an empty directory. */
export function removeDirectoryAt(directory: number, name: string): void {
  checked(libc().unlinkat(directory, name, AT_REMOVEDIR), 'unlinkat', name);
}

const OPEN_TREE_CLONE = 1;

/** Clones the mount at `path`, detached, with `path` as its root. Not recursive; does not follow a link at the end. */
export function cloneMount(path: string): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW;
  return checked(libc().openTree(OPEN_TREE, AT_FDCWD, path, flags), 'open_tree', path);
}

/** The same for the file or directory that `fd` is open on. */
export function cloneMountOf(fd: number): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH;
  return checked(libc().openTree(OPEN_TREE, fd, '', flags), 'open_tree', undefined);
}

const MS_PRIVATE = 1 << 18;
/** Of mount_setattr(2): flags to set, to clear, and the propagation. Shared, as are all buffers here. */
const ATTRIBUTES = Buffer.alloc(32);
ATTRIBUTES.writeUInt32LE(MS_PRIVATE, 16);

/** Sets and clears MOUNT_ATTR_ flags of a detached mount, and makes it private. */
export function setMountAttributes(mountFd: number, set: number, clear: number): void {
  ATTRIBUTES.writeUInt32LE(set, 0);
  ATTRIBUTES.writeUInt32LE(clear, 8);
  const result = libc().mountSetattr(MOUNT_SETATTR, mountFd, '', AT_EMPTY_PATH, ATTRIBUTES, ATTRIBUTES.length);
  checked(result, 'mount_setattr', undefined);
}

/** Attaches a detached mount on what `targetFd` is open on. `target` is only for the error message. */
export function attachMount(mountFd: number, targetFd: number, target: string): void {
  const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
  const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  checked(libc().moveMount(MOVE_MOUNT, mountFd, '', targetFd, '', flags), 'move_mount', target);
}

/** statx(2) into `buffer`, of 256 bytes; false if nothing is there. An empty path needs AT_EMPTY_PATH in `flags`. */
export function statx(directory: number, path: string, flags: number, mask: number, buffer: Buffer): boolean {
  const number = STATX[arch()];
  if (number === undefined) {
    throw new LanternError(
      'unimplemented',
      `look at "${path}": a "${arch()}" processor is not supported, only x64 and arm64`,
    );
  }
  if (libc().statx(number, directory, path, flags, mask, buffer) >= 0) return true;
  const errno = koffi.errno();
  if (errno === constants.errno.ENOENT) return false;
  throw new SystemCallError(errno, 'statx', path === '' ? undefined : path);
}

/** By statx(2), of which all results go through one buffer: calls are synchronous. */
const STATUS = Buffer.alloc(256);
const TWO_TO_32 = 2 ** 32;

export type FileIdentity = {
  /** `major:minor`, as in mountinfo. */
  readonly device: string;
  readonly inode: bigint;
  readonly isMountRoot: boolean;
  /** The mount's id in mountinfo. The kernel reuses it as soon as the mount is gone. */
  readonly mountId: number;
  /** True if it was removed, and exists only because it is mounted or open. */
  readonly isDeleted: boolean;
};

/** Identifies what the descriptor is open on, or the path below it. A symbolic link at the end is not followed. */
export function identifyFile(fd: number, path = ''): FileIdentity {
  const STATX_NLINK = 0x4;
  const STATX_INO = 0x100;
  const STATX_MNT_ID = 0x1000;
  const flags = path === '' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  if (!statx(fd, path, flags, STATX_NLINK | STATX_INO | STATX_MNT_ID, STATUS)) {
    throw new SystemCallError(constants.errno.ENOENT, 'statx', path);
  }
  return identityIn(STATUS);
}

function identityIn(status: Buffer): FileIdentity {
  const STATX_ATTR_MOUNT_ROOT = 0x2000;
  return {
    device: `${status.readUInt32LE(136)}:${status.readUInt32LE(140)}`,
    inode: status.readBigUInt64LE(32),
    isMountRoot: (status.readUInt32LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0,
    mountId: status.readUInt32LE(144) + status.readUInt32LE(148) * TWO_TO_32,
    isDeleted: status.readUInt32LE(16) === 0,
  };
}

export function identifyPath(path: string): FileIdentity {
  return identifyFile(AT_FDCWD, path);
}

/** Takes an exclusive lock without waiting; false if somebody else holds it. */
export function tryLock(fd: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === constants.errno.EAGAIN) return false;
  throw new SystemCallError(errno, 'flock', undefined);
}

/** True if poll(2) reports an exceptional condition, as it does for a mount table that changed since the last call. */
export function hasException(fd: number): boolean {
  const POLLPRI = 0x2;
  const asked = Buffer.alloc(8);
  asked.writeInt32LE(fd, 0);
  asked.writeInt16LE(POLLPRI, 4);
  return checked(libc().poll(asked, 1, 0), 'poll', undefined) > 0;
}

/** Prevents other processes of the user from reading this one's memory through /proc or ptrace. */
export function setNotDumpable(): void {
  const PR_SET_DUMPABLE = 4;
  checked(libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 'prctl', undefined);
}

/** Soft and hard limit are unsigned longs, both 0. */
export function forbidCoreFiles(): void {
  const RLIMIT_CORE = 4;
  checked(libc().setrlimit(RLIMIT_CORE, Buffer.alloc(16)), 'setrlimit', undefined);
}

const STAMP_FLAGS = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

/** Inode and ctime as by `lstat`, at half its cost. A relative path starts at the directory. Undefined if missing. */
export function stampAt(directory: number, path: string): FileStamp | undefined {
  const STATX_CTIME = 0x80;
  const STATX_INO = 0x100;
  if (!statx(directory, path, STAMP_FLAGS, STATX_INO | STATX_CTIME, STATUS)) return undefined;
  return {
    inode: STATUS.readUInt32LE(32) + STATUS.readUInt32LE(36) * TWO_TO_32,
    seconds: STATUS.readUInt32LE(96) + STATUS.readInt32LE(100) * TWO_TO_32,
    nanoseconds: STATUS.readUInt32LE(104),
  };
}

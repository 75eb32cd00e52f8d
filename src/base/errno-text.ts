import { getSystemErrorMap } from 'node:util';

/**
 * What an errno means to whoever reads an error: what stands against the call, and what to do about it. The name stays in
 * parentheses, for those who search for it. One that is not in the table is rare enough for the system's words alone.
 */
export function describeErrno(errno: string): string {
  const [obstacle, remedy] = TEXTS[errno] ?? [SYSTEM_TEXTS.get(errno) ?? 'the system refuses it', undefined];
  return remedy === undefined ? `${obstacle} (${errno})` : `${obstacle} (${errno}); ${remedy}`;
}

const SYSTEM_TEXTS: ReadonlyMap<string, string> = new Map(getSystemErrorMap().values());

/** Obstacle and remedy; none where the obstacle says what to do. */
const TEXTS: Readonly<Record<string, readonly [obstacle: string, remedy?: string]>> = {
  E2BIG: ['arguments and environment are longer than the kernel takes', 'pass less of them'],
  EACCES: ['permission is denied', 'change its mode or owner, or run as a user who may'],
  EADDRINUSE: ['the address is in use', 'stop whoever uses it, or choose another'],
  EBADF: ['it was closed meanwhile', 'try again'],
  EBUSY: ['it is in use', 'end what uses it, or unmount what is mounted on it'],
  ECONNREFUSED: ['nobody listens there', 'start what should listen, or name another address'],
  ECONNRESET: ['the other side closed the connection', 'try again'],
  EDQUOT: ['the quota is used up', 'make room, or raise the quota'],
  EEXIST: ['it exists already', 'remove it, or choose another name'],
  EFBIG: ['the file would be too large', 'raise the limit of file sizes'],
  EINVAL: ['the kernel does not accept this', 'see whether kernel and file system support it'],
  EIO: ['the device reports an error', "see the kernel's log"],
  EISDIR: ['it is a directory', 'name a file'],
  ELOOP: ['a symbolic link is in the way', 'name the real path'],
  EMFILE: ['the process has no descriptors left', 'raise its limit of open files (ulimit -n, LimitNOFILE=)'],
  EMLINK: ['there are too many links', 'use another directory'],
  ENAMETOOLONG: ['the path is too long', 'choose a shorter one'],
  ENFILE: ['the machine has no descriptors left', 'raise fs.file-max'],
  ENODEV: ['the kernel lacks this file system or device', 'load its module'],
  ENOENT: ['no such file or directory', 'create it, or name another'],
  ENOMEM: ['no memory is left', 'free some, or raise the limit'],
  ENOSPC: ['no space is left', 'make room'],
  ENOSYS: [
    'the kernel lacks this system call, or a seccomp profile hides it',
    'use a newer kernel, or another profile',
  ],
  ENOTCONN: ['there is no connection', 'try again'],
  ENOTDIR: ['something on the way is no directory', 'name another path'],
  ENOTEMPTY: ['the directory is not empty', 'empty it first'],
  ENOTFOUND: ['no such host is known', 'check the name, or the resolver'],
  ENOTSUP: ['the file system does not support it', 'use another file system'],
  ENXIO: ['nobody is at the other end', 'start what should be'],
  EPERM: ['the operation is not permitted', 'give the process the capability for it, or run it as root'],
  EPIPE: ['the reader is gone'],
  EROFS: ['the file system is read-only', 'mount it writable, or choose another place'],
  ESTALE: ['the file is gone from its server', 'mount its file system again'],
  ETIMEDOUT: ['no answer came in time', 'see whether the other side is up'],
  ETXTBSY: ['the program is running', 'end it first'],
  EXDEV: ['it lies on another file system', 'choose a place on the same one'],
};

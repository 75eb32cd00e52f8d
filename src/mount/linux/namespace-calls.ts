import { arch, constants } from 'node:os';
import { SystemCallError } from '../../base/errors.ts';
import { checked, libc, MNT_DETACH, mount, umount } from './system-calls.ts';

/** Linux calls used after `leaveMountNamespace` of system-calls.ts, and to return. Failures throw SystemCallError. */

/** Supported processors, as in system-calls.ts. */
const PIVOT_ROOT: Readonly<Record<string, number>> = { x64: 155, arm64: 41 };

const MS_BIND = 0x1000;
const MS_MOVE = 0x2000;
const MS_REC = 0x4000;
const MS_UNBINDABLE = 0x20000;
const MS_PRIVATE = 0x40000;

/** Moves the calling thread into the mount namespace that `fd` is open on, at its `/`. */
export function joinMounts(fd: number): void {
  const CLONE_NEWNS = 0x20000;
  checked(libc().setns(fd, CLONE_NEWNS), 'setns', undefined);
}

export function changeDirectory(fd: number): void {
  checked(libc().fchdir(fd), 'fchdir', undefined);
}

/** Makes the working directory the calling thread's root. */
export function rootHere(): void {
  checked(libc().chroot('.'), 'chroot', '.');
}

/** Makes the mount that is the working directory the root of the namespace, and unmounts the old root. */
export function pivotHere(): void {
  const number = PIVOT_ROOT[arch()];
  if (number === undefined) throw new SystemCallError(constants.errno.ENOSYS, 'pivot_root', undefined);
  // With both arguments the same, the old root ends up on top of the new one, from where it can be unmounted.
  checked(libc().pivotRoot(number, '.', '.'), 'pivot_root', '.');
  umount('.', MNT_DETACH);
}

/** Excludes this mount, and what is below it, from recursive binds of a directory above. */
export function makeUnbindable(path: string): void {
  mount('none', path, '', MS_UNBINDABLE, '');
}

export function makePrivate(path: string): void {
  mount('none', path, '', MS_PRIVATE, '');
}

/** Binds `source`, with what is mounted below it, at `target`. */
export function bindRecursively(source: string, target: string): void {
  mount(source, target, '', MS_BIND | MS_REC, '');
}

export function moveMountTo(source: string, target: string): void {
  mount(source, target, '', MS_MOVE, '');
}

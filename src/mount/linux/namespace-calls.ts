import { arch, constants } from 'node:os';
import koffi from 'koffi';
import { SystemCallError } from '../../base/errors.ts';
import { MNT_DETACH, mount, umount } from './system-calls.ts';

/**
 * The Linux calls used after `leaveMountNamespace` of system-calls.ts, and to return. Failures throw SystemCallError.
 */

/** Supported processors, as in system-calls.ts. */
const PIVOT_ROOT: Readonly<Record<string, number>> = { x64: 155, arm64: 41 };

const MS_BIND = 0x1000;
const MS_MOVE = 0x2000;
const MS_REC = 0x4000;
const MS_UNBINDABLE = 0x20000;
const MS_PRIVATE = 0x40000;

type Native = (...values: readonly (number | string)[]) => number;

class Calls {
  readonly setns: Native;
  readonly chroot: Native;
  readonly fchdir: Native;
  readonly pivotRoot: Native;

  constructor() {
    const library = koffi.load(null);
    this.setns = library.func('setns', 'int', ['int', 'int']);
    this.chroot = library.func('chroot', 'int', ['str']);
    this.fchdir = library.func('fchdir', 'int', ['int']);
    // No libc has a wrapper for it.
    this.pivotRoot = library.func('syscall', 'long', ['long', 'str', 'str']);
  }
}

let loaded: Calls | undefined;

function calls(): Calls {
  loaded ??= new Calls();
  return loaded;
}

function checked(result: number, syscall: string, path?: string): void {
  if (result < 0) throw new SystemCallError(koffi.errno(), syscall, path);
}

/** Moves the calling thread into the mount namespace that `fd` is open on; its root and working directory are `/` there. */
export function joinMounts(fd: number): void {
  const CLONE_NEWNS = 0x20000;
  checked(calls().setns(fd, CLONE_NEWNS), 'setns');
}

export function changeDirectory(fd: number): void {
  checked(calls().fchdir(fd), 'fchdir');
}

/** Makes the working directory the calling thread's root. */
export function rootHere(): void {
  checked(calls().chroot('.'), 'chroot', '.');
}

/**
 * Makes the mount that is the working directory the root of the namespace, and unmounts the old root.
 */
export function pivotHere(): void {
  const number = PIVOT_ROOT[arch()];
  if (number === undefined) throw new SystemCallError(constants.errno.ENOSYS, 'pivot_root', undefined);
  // With both arguments the same, the old root ends up on top of the new one, from where it can be unmounted.
  checked(calls().pivotRoot(number, '.', '.'), 'pivot_root', '.');
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

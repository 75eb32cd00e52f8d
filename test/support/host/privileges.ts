import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import koffi from 'koffi';
import { mayMount as findOut } from '../../../scripts/prerequisites.mjs';

export const isRoot = process.getuid?.() === 0;

/** True if mounting works, found by mounting. Root in a container often may not mount. */
export const mayMount = findOut();

/** The user without rights, and its group, on every distribution that has one; no entry in /etc/passwd is needed. */
export const NOBODY = 65_534;

/** A user, its group and its other groups: nobody in particular, and no entry in /etc/passwd is needed. */
export type Who = { readonly uid: number; readonly gid?: number; readonly groups?: readonly number[] };

/** A process of that user's own, without any capability, runs the command. */
export function canDo({ uid, gid = uid, groups = [] }: Who, ...command: readonly string[]): boolean {
  const supplementary = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join()];
  const flags = ['--reuid', `${uid}`, '--regid', `${gid}`, ...supplementary, '--bounding-set=-all'];
  try {
    execFileSync('setpriv', [...flags, ...command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Mode and owner of what a path leads to. */
export function looks(path: string): string {
  const { mode, uid, gid } = statSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
}

/**
 * Whatever is made in the directory from now on can be read and written by this user, as far as its mode lets the
 * group.
 */
export function setDefaultAccessList(directory: string, user: number): void {
  const everybody = 0xffffffff;
  const entries = [
    [0x01, 7, everybody],
    [0x02, 7, user],
    [0x04, 5, everybody],
    [0x10, 7, everybody],
    [0x20, 5, everybody],
  ] as const;
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + 8 * index);
    list.writeUInt16LE(permissions, 6 + 8 * index);
    list.writeUInt32LE(id, 8 + 8 * index);
  }
  const setxattr = koffi.load(null).func('setxattr', 'int', ['str', 'str', 'void *', 'size_t', 'int']);
  if (setxattr(directory, 'system.posix_acl_default', list, list.length, 0) !== 0) {
    throw new Error(`setxattr on "${directory}": errno ${koffi.errno()}`);
  }
}

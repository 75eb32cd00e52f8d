import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';

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

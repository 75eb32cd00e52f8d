import { dirname } from 'node:path';
import { toLanternError } from '../base/errors.ts';
import { directoryCalls, type EntryStatus } from './directory-calls.ts';
import type { OpenedParent } from './opened-target.ts';
import { AT_FDCWD } from './system-calls.ts';

/** A directory that a target lies in. */
export type Ancestor = EntryStatus & {
  /** As the target names it: for messages. */
  readonly path: string;
};

/** Who the daemon is, as far as directories are judged. */
export type DirectUser = { readonly user: number; readonly group: number };

/**
 * The directories that an opened parent lies in, itself first, up to `/`. Each is found from the one below it, so that
 * these are the real ones, whatever path led there: a directory that others cannot write to, they cannot move elsewhere.
 */
export function ancestorsOf(parent: OpenedParent): readonly Ancestor[] {
  const found: Ancestor[] = [];
  let path = dirname(parent.target);
  let way = `${parent.parentPath}/.`;
  try {
    for (;;) {
      const status = directoryCalls.status(AT_FDCWD, way);
      // Above the top there is the top again; so may a directory be that is bound inside of itself.
      const isTop = path === '/' && isSame(status, found.at(-1));
      if (status === undefined || isTop) return found;
      found.push({ ...status, path });
      path = dirname(path);
      way += '/..';
    }
  } catch (error) {
    throw toLanternError(error, `look at the directories of the target "${parent.target}"`);
  }
}

/**
 * Why others than root and the daemon's user can exchange what is made in the directory; undefined when they cannot. In a
 * sticky directory they cannot touch what is not theirs. Group bits count as others', since they may stand for users
 * of an access control list; but a user's own directory may be open to the group that the daemon runs in.
 */
export function opennessOf({ user: owner, group, mode }: EntryStatus, daemon: DirectUser): string | undefined {
  const isDaemons = owner === daemon.user;
  if (!isDaemons && owner !== ROOT) return `belongs to the user ${owner}`;
  if ((mode & STICKY) !== 0) return undefined;
  if ((mode & WRITABLE_BY_OTHERS) !== 0) return 'can be written to by everybody';
  if ((mode & WRITABLE_BY_GROUP) === 0) return undefined;
  if (isDaemons && owner !== ROOT && group === daemon.group) return undefined;
  return `can be written to by the group ${group}`;
}

/** Whether others can make entries, but cannot touch those that are not theirs. */
export function isStickyAndOpen({ mode }: EntryStatus): boolean {
  return (mode & STICKY) !== 0 && (mode & (WRITABLE_BY_GROUP | WRITABLE_BY_OTHERS)) !== 0;
}

function isSame(a: EntryStatus | undefined, b: EntryStatus | undefined): boolean {
  return a !== undefined && a.inode === b?.inode && a.device === b.device;
}

const ROOT = 0;
const STICKY = 0o1000;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_OTHERS = 0o002;

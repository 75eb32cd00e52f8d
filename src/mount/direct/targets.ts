import { chmodSync, chownSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { isInMemory } from '../host-file-systems.ts';
import { directoryCalls, type EntryStatus, isEmptyDirectory, removeAccessLists } from '../linux/directory-calls.ts';
import type { OpenedParent, OpenedTarget } from '../linux/opened-target.ts';
import { AT_FDCWD, identifyFile } from '../linux/system-calls.ts';
import type { TargetRoots } from '../targets/target.ts';

/** A target made ready to be rendered in. `undo` puts back what was there; call it when nothing of ours is in it. */
type PreparedTarget = { readonly opened: OpenedTarget; readonly undo: () => void };

export type DirectTargetsOptions = {
  readonly roots: TargetRoots;
  /** Whether a target may lie on a real disk. */
  readonly allowDisk: boolean;
  /** Whether a target may lie where others can exchange it. */
  readonly inSharedDirectories: boolean;
  readonly daemon: DirectUser;
};

/**
 * The targets that may be rendered in. What is there already must be empty and the daemon's user's own: whoever owns a
 * directory can exchange what is written there for links that lead elsewhere. So can whoever may write to a directory
 * that the target lies in; where that is allowed all the same, what was made is known by its descriptor.
 */
export class DirectTargets {
  readonly #options: DirectTargetsOptions;
  /** What files and directories the publications are. */
  readonly #taken = new Set<string>();

  constructor(options: DirectTargetsOptions) {
    this.#options = options;
  }

  /** From now until `release`, nothing else is rendered in what has this identity, or below it. */
  take(identity: string): void {
    this.#taken.add(identity);
  }

  release(identity: string): void {
    this.#taken.delete(identity);
  }

  /**
   * What is at the target, when it is the file or directory of this identity. Links lead nowhere, and neither do paths
   * outside of the roots, which may have been others when the target was published.
   */
  find(target: string, identity: string): OpenedTarget | undefined {
    using parent = this.#openIfAllowed(target);
    const opened = parent?.openUnlessLink();
    if (opened === undefined || identityOf(opened) === identity) return opened;
    opened[Symbol.dispose]();
    return undefined;
  }

  /** Whether it belongs to the daemon's user; whoever owns a directory can exchange what is in it. */
  isOwn({ stats }: OpenedTarget): boolean {
    return stats.uid === this.#options.daemon.user;
  }

  /**
   * Removes the target when it still is the file of this identity, or the directory of this identity and empty. What takes
   * its name between look and removal is in a directory whose owner could have removed it as well.
   */
  remove(target: string, identity: string): void {
    using parent = this.#options.roots.openIfThere(target);
    using opened = parent?.openUnlessLink();
    if (parent === undefined || opened === undefined || identityOf(opened) !== identity) return;
    if (opened.stats.isFile()) unlinkUnlessExchanged(parent.path);
    else parent.removeEmpty();
  }

  /** Removes the target when it is an empty directory or file, whoever made it. */
  removeEmpty(target: string): void {
    using parent = this.#options.roots.openIfThere(target);
    parent?.removeEmpty();
  }

  /** Removes the target when it is an empty directory, whoever made it. */
  removeEmptyDirectory(target: string): void {
    using parent = this.#options.roots.openIfThere(target);
    parent?.removeEmptyDirectory();
  }

  /** An empty directory of the daemon's user, 0755; made when there is none. */
  prepareDirectory(target: string): PreparedTarget {
    const { parent, isShared, isSticky } = this.#open(target);
    using _ = parent;
    const found = parent.openExisting();
    if (found === undefined) {
      this.#requireMemory(parent.parentPath, target);
      const opened = parent.createDirectory();
      return disposingOnError(opened, () => {
        this.#settle(opened, 0o755, isShared);
        return { opened, undo: () => this.remove(target, identityOf(opened)) };
      });
    }
    return disposingOnError(found, () => {
      this.#requireUntaken(found, target);
      if (!found.isDirectory) throw refusal(target, 'there is a file; remove it, or choose a path that does not exist');
      this.#requireMemory(found.path, target);
      this.#requireOwnAndEmpty(found, target);
      const { gid, mode } = found.stats;
      const undo = () => {
        chownSync(found.path, -1, gid);
        chmodSync(found.path, mode & 0o7777);
      };
      try {
        this.#settle(found, 0o755, isShared || isSticky);
      } catch (error) {
        undo();
        throw error;
      }
      return { opened: found, undo };
    });
  }

  /** An empty file of the daemon's user, 0600. An empty file that is there already is replaced. */
  prepareFile(target: string): PreparedTarget {
    const { parent, isShared } = this.#open(target);
    using _ = parent;
    this.#requireMemory(parent.parentPath, target);
    using found = parent.openExisting();
    if (found !== undefined) {
      this.#requireUntaken(found, target);
      if (found.isDirectory) {
        throw refusal(target, 'there is a directory where the subPath is a file; remove it, or choose another path');
      }
      this.#requireOwnAndEmpty(found, target);
      parent.removeEmpty();
    }
    const opened = parent.createFile();
    return disposingOnError(opened, () => {
      this.#settle(opened, 0o600, isShared);
      return { opened, undo: () => this.remove(target, identityOf(opened)) };
    });
  }

  /**
   * Nobody else can write to it from now on, and nobody wrote to it before (looked at before anything is changed, and again):
   * a directory that was found by its name may be another than was made. It keeps neither access lists nor a group that it may have from a directory of others.
   */
  #settle(opened: OpenedTarget, mode: number, isFromOthers: boolean): void {
    requireStillEmpty(opened);
    if (isFromOthers) {
      removeAccessLists(opened.path);
      chownSync(opened.path, -1, this.#options.daemon.group);
    }
    chmodSync(opened.path, mode);
    requireStillEmpty(opened);
  }

  #openIfAllowed(target: string): OpenedParent | undefined {
    try {
      return this.#options.roots.openIfThere(target);
    } catch (error) {
      if (error instanceof LanternError && error.code === 'permission-denied') return undefined;
      throw error;
    }
  }

  #open(target: string): Place {
    const parent = this.#options.roots.open(target);
    return disposingOnError(parent, () => {
      const ancestors = ancestorsOf(parent);
      const taken = ancestors.find((ancestor) => this.#taken.has(identityText(ancestor)));
      if (taken !== undefined) throw taker(target, taken.path);
      const isSticky = ancestors.slice(0, 1).some(isStickyAndOpen);
      return { parent, isShared: this.#isShared(target, ancestors), isSticky };
    });
  }

  /** Up to the target root, which the operator answers for. */
  #isShared(target: string, ancestors: readonly Ancestor[]): boolean {
    const { roots, daemon, inSharedDirectories } = this.#options;
    const root = roots.rootOf(target);
    for (const ancestor of ancestors) {
      const openness = opennessOf(ancestor, daemon);
      if (openness !== undefined && inSharedDirectories) return true;
      if (openness !== undefined) throw shared(target, ancestor.path, openness);
      if (ancestor.path === root) break;
    }
    return false;
  }

  #requireUntaken(found: OpenedTarget, target: string): void {
    if (this.#taken.has(identityOf(found))) throw taker(target, target);
  }

  #requireMemory(path: string, target: string): void {
    if (this.#options.allowDisk || isInMemory(path)) return;
    throw refusal(
      target,
      'it does not lie on a tmpfs or ramfs, so secrets would reach a disk; choose a target in memory (such as below "/dev/shm"), or start with --allow-disk',
    );
  }

  #requireOwnAndEmpty(found: OpenedTarget, target: string): void {
    if (!this.isOwn(found)) {
      throw refusal(
        target,
        `it belongs to the user ${found.stats.uid}, who could exchange what is written there; choose a path that does not exist yet`,
      );
    }
    if (!found.isEmpty()) throw refusal(target, 'it is not empty; empty it, or choose another target');
  }
}

/** Where a target is made. */
type Place = {
  readonly parent: OpenedParent;
  /** Whether others can exchange what is made in it. */
  readonly isShared: boolean;
  /** Whether others can make entries in it, and exchange what is theirs only. */
  readonly isSticky: boolean;
};

/** Says which file or directory it is, for as long as the machine runs. */
export function identityOf(opened: OpenedTarget): string {
  return identityText(identifyFile(opened.fd));
}

/** Of what is at the path now, wherever links on the way lead. Undefined where that is nothing, or cannot be reached. */
export function identityAt(path: string): string | undefined {
  try {
    const status = directoryCalls.status(AT_FDCWD, path);
    return status && identityText(status);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function identityText({ device, inode }: Pick<EntryStatus, 'device' | 'inode'>): string {
  return `${device} ${inode}`;
}

function taker(target: string, path: string): LanternError {
  return refusal(target, `"${path}" is a publication already; choose a target outside of it`);
}

function shared(target: string, path: string, openness: string): LanternError {
  return refusal(
    target,
    `"${path}" ${openness}, so that others could exchange what is written there; choose a target in directories that only the daemon's user and root can write to, or start with --direct-in-shared-directories`,
  );
}

function refusal(target: string, why: string): LanternError {
  return new LanternError('failed-precondition', `publish at "${target}": ${why}`);
}

function unlinkUnlessExchanged(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'EISDIR') throw error;
  }
}

function requireStillEmpty(opened: OpenedTarget): void {
  if (!opened.isDirectory || isEmptyDirectory(opened.fd)) return;
  throw refusal(opened.target, 'somebody wrote to it meanwhile; empty it, or choose another target');
}

function disposingOnError<T>(resource: Disposable, action: () => T): T {
  try {
    return action();
  } catch (error) {
    resource[Symbol.dispose]();
    throw error;
  }
}

/** A directory that a target lies in. */
type Ancestor = EntryStatus & {
  /** As the target names it: for messages. */
  readonly path: string;
};

/** Who the daemon is, as far as directories are judged. */
type DirectUser = { readonly user: number; readonly group: number };

/**
 * The directories that an opened parent lies in, itself first, up to `/`. Each is found from the one below it, so that
 * these are the real ones, whatever path led there: a directory that others cannot write to, they cannot move elsewhere.
 */
function ancestorsOf(parent: OpenedParent): readonly Ancestor[] {
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
function isStickyAndOpen({ mode }: EntryStatus): boolean {
  return (mode & STICKY) !== 0 && (mode & (WRITABLE_BY_GROUP | WRITABLE_BY_OTHERS)) !== 0;
}

function isSame(a: EntryStatus | undefined, b: EntryStatus | undefined): boolean {
  return a !== undefined && a.inode === b?.inode && a.device === b.device;
}

const ROOT = 0;
const STICKY = 0o1000;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_OTHERS = 0o002;

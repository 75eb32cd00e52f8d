import { chmodSync, chownSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, fallbackOnErrno, LanternError, toLanternError } from '../../base/errors.ts';
import { isInMemory } from '../host-file-systems.ts';
import { directoryCalls, type EntryStatus, isEmptyDirectory, removeAccessLists } from '../linux/directory-calls.ts';
import type { OpenedParent, OpenedTarget } from '../linux/opened-target.ts';
import { AT_FDCWD, identifyFile } from '../linux/system-calls.ts';
import type { TargetRoots } from '../targets/target-roots.ts';

/** A target ready to be rendered in. `undo` restores what was there; call it only while nothing was rendered. */
type PreparedTarget = { readonly opened: OpenedTarget; readonly undo: () => void };

export type DirectTargetsOptions = {
  readonly roots: TargetRoots;
  /** Allows a target on a real disk. */
  readonly allowDisk: boolean;
  /** Allows a target in directories where others can replace it. */
  readonly inSharedDirectories: boolean;
  readonly daemon: DirectUser;
};

/**
 * Decides which targets may be rendered in, and makes them. An existing one must be empty and belong to the daemon's
 * user: the owner of a directory can replace its entries by links that lead elsewhere. So can users who may write to a
 * directory above the target. Where that is allowed, the daemon relies on its descriptor instead of the path.
 */
export class DirectTargets {
  readonly #options: DirectTargetsOptions;
  /** Identities of the publications' files and directories. */
  readonly #taken = new Set<string>();

  constructor(options: DirectTargetsOptions) {
    this.#options = options;
  }

  /** Until `release`, nothing else is rendered in the file or directory of this identity, or below it. */
  take(identity: string): void {
    this.#taken.add(identity);
  }

  release(identity: string): void {
    this.#taken.delete(identity);
  }

  /** Opens the target if it has this identity. Undefined for links, and outside the roots, which may have changed. */
  find(target: string, identity: string): OpenedTarget | undefined {
    using parent = this.#openIfAllowed(target);
    const opened = parent?.openUnlessLink();
    if (opened === undefined || identityOf(opened) === identity) return opened;
    opened[Symbol.dispose]();
    return undefined;
  }

  isOwn({ stats }: OpenedTarget): boolean {
    return stats.uid === this.#options.daemon.user;
  }

  /**
   * Removes the target if it is still the file of this identity, or the empty directory of this identity. Something
   * else may take its name before the removal, but only by users who could have removed that as well.
   */
  remove(target: string, identity: string): void {
    using parent = this.#options.roots.openIfThere(target);
    using opened = parent?.openUnlessLink();
    if (parent === undefined || opened === undefined || identityOf(opened) !== identity) return;
    if (opened.stats.isFile()) unlinkUnlessReplaced(parent.path);
    else parent.removeEmpty();
  }

  /** Removes the target if it is an empty directory or file, even one that others made. */
  removeEmpty(target: string): void {
    using parent = this.#options.roots.openIfThere(target);
    parent?.removeEmpty();
  }

  /** The same for a directory only. */
  removeEmptyDirectory(target: string): void {
    using parent = this.#options.roots.openIfThere(target);
    parent?.removeEmptyDirectory();
  }

  /** An empty directory of the daemon's user, 0755, created if missing. */
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
      if (!found.isDirectory)
        throw refusal(target, 'a file exists there; remove it, or choose a path that does not exist');
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

  /** An empty file of the daemon's user, 0600. An existing empty file is replaced. */
  prepareFile(target: string): PreparedTarget {
    const { parent, isShared } = this.#open(target);
    using _ = parent;
    this.#requireMemory(parent.parentPath, target);
    using found = parent.openExisting();
    if (found !== undefined) {
      this.#requireUntaken(found, target);
      if (found.isDirectory) {
        throw refusal(target, 'a directory exists there, and the subPath is a file; remove it, or choose another path');
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
   * Closes it to writers other than the daemon's user. A directory opened by its name may not be the one that was made,
   * so it must be empty before and after. Access lists and a group inherited from others' directories are removed.
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

  /** Checks the directories up to the target root, for which the operator is responsible. */
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
        `it belongs to the user ${found.stats.uid}, who could replace what is written there; choose a path that does not exist yet`,
      );
    }
    if (!found.isEmpty()) throw refusal(target, 'it is not empty; empty it, or choose another target');
  }
}

type Place = {
  readonly parent: OpenedParent;
  /** True if others can replace what is made in it. */
  readonly isShared: boolean;
  /** True if others can create entries in it, but replace only their own. */
  readonly isSticky: boolean;
};

/** Device and inode: identifies a file or directory that is kept open, until the next boot. */
export function identityOf(opened: OpenedTarget): string {
  return identityText(identifyFile(opened.fd));
}

/** Identity of what is at the path now, following links on the way. Undefined if nothing can be reached there. */
export function identityAt(path: string): string | undefined {
  const status = fallbackOnErrno(() => directoryCalls.status(AT_FDCWD, path), undefined);
  return status && identityText(status);
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
    `"${path}" ${openness}, so that others could replace what is written there; choose a target in directories that only the daemon's user and root can write to, or start with --direct-in-shared-directories`,
  );
}

function refusal(target: string, why: string): LanternError {
  return new LanternError('failed-precondition', `publish at "${target}": ${why}`);
}

function unlinkUnlessReplaced(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'EISDIR') throw error;
  }
}

function requireStillEmpty(opened: OpenedTarget): void {
  if (!opened.isDirectory || isEmptyDirectory(opened.fd)) return;
  throw refusal(opened.target, 'somebody else wrote to it meanwhile; empty it, or choose another target');
}

function disposingOnError<T>(resource: Disposable, action: () => T): T {
  try {
    return action();
  } catch (error) {
    resource[Symbol.dispose]();
    throw error;
  }
}

type Ancestor = EntryStatus & {
  /** As in the target's path, for messages. */
  readonly path: string;
};

/** The daemon's effective user and group. */
type DirectUser = { readonly user: number; readonly group: number };

/**
 * The directories above an opened parent, itself first, up to `/`. Each is found through `..` of the one below,
 * whatever path led there. Others cannot move a directory out of one that they cannot write to.
 */
function ancestorsOf(parent: OpenedParent): readonly Ancestor[] {
  const found: Ancestor[] = [];
  let path = dirname(parent.target);
  let way = `${parent.parentPath}/.`;
  try {
    for (;;) {
      const status = directoryCalls.status(AT_FDCWD, way);
      // `..` of the root is the root. The path is compared too, since a directory may be bound inside itself.
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
 * The reason why users other than root and the daemon's can replace what is made in the directory; undefined if they
 * cannot. In a sticky directory they can only touch their own entries. Group bits count as well, since they may stand
 * for users of an access control list; but a user's own directory may be open to the group that the daemon runs in.
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

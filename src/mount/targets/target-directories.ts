import { chmodSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { readAccessList, removeAccessLists, removeDefaultList, writeAccessList } from '../linux/directory-calls.ts';
import type { OpenedParent } from '../linux/opened-target.ts';
import { isBelow, type TargetRoots } from './target-roots.ts';

/** `onReachable` is called for each directory that anybody who knows a name inside can pass through. */
export type Openness = {
  readonly accessOf: (directory: string) => DirectoryAccess;
  readonly onReachable: (directory: string) => void;
};

/**
 * Makes and removes the directories between a root and the targets below it. Each is made and removed in its opened
 * parent, within the target roots, and without following a symbolic link.
 */
export class TargetDirectories {
  readonly #roots: TargetRoots;

  constructor(roots: TargetRoots) {
    this.#roots = roots;
  }

  /**
   * Makes the missing directories from the root (whose parent must exist) down to the target, whatever the umask.
   * Returns the directories made, outermost first; none is left after an error. Throws `failed-precondition` for a link
   * or a file on the way; otherwise errors as in `TargetRoots.open`.
   */
  make(root: string, target: string, openness: Openness): readonly string[] {
    const made: string[] = [];
    // Refuses a malformed path before anything is made.
    this.#roots.resolve(target);
    try {
      for (const path of directoriesTo(root, target)) {
        using parent = this.#roots.open(path, 'enter');
        if (makeOne(parent, path, openness)) made.push(path);
      }
      return made;
    } catch (error) {
      this.remove(made);
      throw toLanternError(error, `make the directories of the target "${target}"`);
    }
  }

  /** Gives a directory made here the access it would get now. Returns its old state; undefined if gone or foreign. */
  settle(directory: string, { accessOf, onReachable }: Openness): DirectoryState | undefined {
    return this.#withOwn(directory, (path) => {
      const before = stateOf(path);
      if (!setDirectoryAccess(path, accessOf(directory))) onReachable(directory);
      return before;
    });
  }

  /** Restores what `settle` returned. */
  restore(directory: string, state: DirectoryState): void {
    this.#withOwn(directory, (path) => restoreState(path, state));
  }

  #withOwn<T>(directory: string, action: (path: string) => T): T | undefined {
    using parent = this.#roots.openIfThere(directory);
    using found = parent?.openUnlessLink();
    if (found?.isDirectory !== true || found.stats.uid !== process.geteuid?.()) return undefined;
    try {
      return action(found.path);
    } catch (error) {
      throw toLanternError(error, `set the access of the directory "${directory}"`);
    }
  }

  /** Removes these directories, innermost first, if they are empty; `paths` as `make` returned them. */
  remove(paths: readonly string[]): void {
    for (const path of [...paths].reverse()) this.#removeOne(path);
  }

  /** Removes the directories that the target lies in, the root included, if they are empty. */
  removeAbove(root: string, target: string): void {
    this.remove(directoriesTo(root, target));
  }

  #removeOne(path: string): void {
    using parent = this.#roots.openIfThere(path);
    if (parent === undefined) return;
    try {
      rmdirSync(parent.path);
    } catch (error) {
      if (!STAYS.has(errnoOf(error) ?? '')) throw toLanternError(error, `remove the directory "${path}"`);
    }
  }
}

/** Gone already, not empty, mounted on, on a read-only file system, or not a directory. */
const STAYS: ReadonlySet<string> = new Set(['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'EROFS', 'ENOTDIR']);

/** The directories from the root down to the target's parent; none if the target lies outside of it. */
export function directoriesTo(root: string, target: string): readonly string[] {
  if (!isBelow(target, root)) return [];
  const paths: string[] = [];
  for (let path = target; path !== root; ) {
    path = dirname(path);
    paths.push(path);
  }
  return paths.reverse();
}

/** Returns false if the directory exists already. */
function makeOne(parent: OpenedParent, path: string, { accessOf, onReachable }: Openness): boolean {
  using found = parent.openExisting();
  if (found?.isDirectory === true) return false;
  if (found !== undefined) {
    throw new LanternError(
      'failed-precondition',
      `make the directory "${path}": a file exists there; remove it, or choose another root`,
    );
  }
  using created = parent.createDirectory();
  if (!created.isEmpty()) {
    throw new LanternError('aborted', `make the directory "${path}": somebody replaced it by another one; try again`);
  }
  // Clears a setgid bit inherited from the parent.
  chmodSync(created.path, 0o700);
  if (!setDirectoryAccess(created.path, accessOf(path))) onReachable(path);
  return true;
}

/** Who may read and search a directory besides its owner and root: everybody, or only these users and groups. */
export type DirectoryAccess = 'everybody' | { readonly users: readonly number[]; readonly groups: readonly number[] };

const OPEN = 0o755;
const CLOSED = 0o700;
/** The mode of a directory with an access list: the group's bits limit the permissions of all on the list. */
const LISTED = 0o750;
/** Anybody who knows a name inside can pass through; nobody can list it. */
const UNLISTABLE = 0o711;

/**
 * Sets mode and access control list for this access, unless they are right already. `path` is that of an opened
 * directory of the daemon's user, in `/proc/self/fd`. A change lets in nobody else meanwhile, and keeps out nobody who
 * has access before and after. False if the file system has no such lists: anybody who knows a name inside can pass.
 */
export function setDirectoryAccess(path: string, access: DirectoryAccess): boolean {
  const list = access === 'everybody' ? undefined : accessList(access);
  const mode = access === 'everybody' ? OPEN : list === undefined ? CLOSED : LISTED;
  if (isSame(stateOf(path), { mode, list })) return true;
  if (list === undefined) {
    chmodSync(path, mode);
    removeAccessLists(path);
    return true;
  }
  removeDefaultList(path);
  if (writeAccessList(path, list)) return true;
  chmodSync(path, UNLISTABLE);
  return false;
}

type DirectoryState = { readonly mode: number; readonly list: Buffer | undefined };

export function stateOf(path: string): DirectoryState {
  return { mode: statSync(path).mode & 0o7777, list: readAccessList(path) };
}

export function restoreState(path: string, { mode, list }: DirectoryState): void {
  if (list !== undefined && writeAccessList(path, list)) return;
  chmodSync(path, mode);
  removeAccessLists(path);
}

function isSame(a: DirectoryState, b: DirectoryState): boolean {
  return a.mode === b.mode && Buffer.compare(a.list ?? NONE, b.list ?? NONE) === 0;
}

const NONE = Buffer.alloc(0);

/** Tags of acl(5), in the required order. */
const OWNER = 0x01;
const USER = 0x02;
const OWNING_GROUP = 0x04;
const GROUP = 0x08;
const MASK = 0x10;
const OTHERS = 0x20;

const ALL = 7;
const READ_AND_SEARCH = 5;
const NO_ID = 0xffff_ffff;
const VERSION = 2;

/** The kernel's format: entries of tag, permissions and id. Undefined for no users and groups. */
function accessList({ users, groups }: Exclude<DirectoryAccess, 'everybody'>): Buffer | undefined {
  if (users.length === 0 && groups.length === 0) return undefined;
  const named = (tag: number, ids: readonly number[]) => {
    return [...new Set(ids)].sort((a, b) => a - b).map((id) => [tag, READ_AND_SEARCH, id] as const);
  };
  const entries = [
    [OWNER, ALL, NO_ID] as const,
    ...named(USER, users),
    [OWNING_GROUP, 0, NO_ID] as const,
    ...named(GROUP, groups),
    [MASK, READ_AND_SEARCH, NO_ID] as const,
    [OTHERS, 0, NO_ID] as const,
  ];
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(VERSION, 0);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + 8 * index);
    list.writeUInt16LE(permissions, 6 + 8 * index);
    list.writeUInt32LE(id, 8 + 8 * index);
  }
  return list;
}

import { chmodSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { readAccessList, removeAccessLists, removeDefaultList, writeAccessList } from '../linux/directory-calls.ts';
import type { OpenedParent } from '../linux/opened-target.ts';
import { isBelow, type TargetRoots } from './target.ts';

/** Whom each directory lets in; `onReachable` hears of those that everybody can reach who knows what lies in them. */
export type Openness = {
  readonly accessOf: (directory: string) => DirectoryAccess;
  readonly onReachable: (directory: string) => void;
};

/**
 * The directories that targets below one root lie in. Each is made, and removed, in its parent as that was opened: within
 * the target roots, and without following a symbolic link anywhere. Nothing outside of the root is touched.
 */
export class TargetDirectories {
  readonly #roots: TargetRoots;

  constructor(roots: TargetRoots) {
    this.#roots = roots;
  }

  /**
   * Makes what is missing of the root (whose parent must exist) and of the directories between it and the target, whatever the
   * umask. Returns what it made, outermost first; nothing of it is left after an error. `failed-precondition` for a link
   * or a file on the way; otherwise errors as `TargetRoots.open`.
   */
  make(root: string, target: string, openness: Openness): readonly string[] {
    const made: string[] = [];
    // What is wrong with the text of the whole path is known before anything is made.
    this.#roots.resolve(target);
    try {
      for (const path of directoriesTo(root, target)) {
        using parent = this.#roots.openDirectory(path);
        if (makeOne(parent, path, openness)) made.push(path);
      }
      return made;
    } catch (error) {
      this.remove(made);
      throw toLanternError(error, `make the directories of the target "${target}"`);
    }
  }

  /**
   * Gives a directory that was made here the access that it would be made with now. Returns what it was before, or undefined
   * where there is no directory of the daemon's user any more.
   */
  settle(directory: string, { accessOf, onReachable }: Openness): DirectoryState | undefined {
    return this.#withOwn(directory, (path) => {
      const before = stateOf(path);
      if (!setDirectoryAccess(path, accessOf(directory))) onReachable(directory);
      return before;
    });
  }

  /** Puts back what `settle` returned. */
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
      throw toLanternError(error, `say who may enter the directory "${directory}"`);
    }
  }

  /** Removes these directories, innermost first, as far as they are empty; `paths` as `make` returned them. */
  remove(paths: readonly string[]): void {
    for (const path of [...paths].reverse()) this.#removeOne(path);
  }

  /** Removes the directories that the target lies in, the root included, as far as they are empty. */
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

/** Gone already, full, mounted on, on a read-only file system, or no directory. */
const STAYS: ReadonlySet<string> = new Set(['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'EROFS', 'ENOTDIR']);

/** Every directory from the root down to the target's parent; none for a target elsewhere. */
export function directoriesTo(root: string, target: string): readonly string[] {
  if (!isBelow(target, root)) return [];
  const paths: string[] = [];
  for (let path = target; path !== root; ) {
    path = dirname(path);
    paths.push(path);
  }
  return paths.reverse();
}

/** Whether there was none. */
function makeOne(parent: OpenedParent, path: string, { accessOf, onReachable }: Openness): boolean {
  using found = parent.openExisting();
  if (found?.isDirectory === true) return false;
  if (found !== undefined) {
    throw new LanternError(
      'failed-precondition',
      `make the directory "${path}": a file is there; remove it, or choose another root`,
    );
  }
  using created = parent.createDirectory();
  if (!created.isEmpty()) {
    throw new LanternError('aborted', `make the directory "${path}": somebody put another in its place; try again`);
  }
  // Without a setgid bit that its parent has given on.
  chmodSync(created.path, 0o700);
  if (!setDirectoryAccess(created.path, accessOf(path))) onReachable(path);
  return true;
}

/** Whom a directory lets in besides its owner and root: everybody, or these users and groups only. They may read and search. */
export type DirectoryAccess = 'everybody' | { readonly users: readonly number[]; readonly groups: readonly number[] };

const OPEN = 0o755;
const CLOSED = 0o700;
/** How a directory with such a list looks: the group's bits are the most that anybody on it gets. */
const LISTED = 0o750;
/** Whoever knows a name in it gets there, nobody can list it. */
const UNLISTABLE = 0o711;

/**
 * Lets in whom the access names, by mode and access control list. `path` leads to an opened directory of the daemon's user, in
 * `/proc/self/fd`. A directory that is so already is not touched; one that changes lets nobody else in meanwhile, and
 * nobody out whom both let in. False where the file system has no such lists: then whoever knows a name in it gets there.
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

/** Who gets in, as the file system has it. */
type DirectoryState = { readonly mode: number; readonly list: Buffer | undefined };

export function stateOf(path: string): DirectoryState {
  return { mode: statSync(path).mode & 0o7777, list: readAccessList(path) };
}

/** Puts back what `stateOf` saw. */
export function restoreState(path: string, { mode, list }: DirectoryState): void {
  if (list !== undefined && writeAccessList(path, list)) return;
  chmodSync(path, mode);
  removeAccessLists(path);
}

function isSame(a: DirectoryState, b: DirectoryState): boolean {
  return a.mode === b.mode && Buffer.compare(a.list ?? NONE, b.list ?? NONE) === 0;
}

const NONE = Buffer.alloc(0);

/** Tags of acl(5), in the order that they must stand in. */
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

/** As the kernel takes it: entries of tag, permissions and id. Undefined where nobody is named. */
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

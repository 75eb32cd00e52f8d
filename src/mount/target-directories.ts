import { chmodSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import {
  type DirectoryAccess,
  type DirectoryState,
  restoreState,
  setDirectoryAccess,
  stateOf,
} from './directory-access.ts';
import type { OpenedParent } from './opened-target.ts';
import type { TargetRoots } from './target.ts';

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

/** Whether one clean path lies below another. */
export function isBelow(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`);
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

import { chmodSync, chownSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { LanternError } from '../base/errors.ts';
import { isInMemory } from './direct-memory.ts';
import type { OpenedParent, OpenedTarget } from './opened-target.ts';
import { identifyFile } from './system-calls.ts';
import type { TargetRoots } from './target.ts';

/** A target made ready to be rendered in. `undo` puts back what was there; call it when nothing of ours is in it. */
export type PreparedTarget = { readonly opened: OpenedTarget; readonly undo: () => void };

/**
 * The targets that may be rendered in. What is there already must be empty and the daemon's user's own: whoever owns a
 * directory can exchange what is written there for links that lead elsewhere.
 */
export class DirectTargets {
  readonly #roots: TargetRoots;
  readonly #allowDisk: boolean;
  readonly #user: number;
  /** Resolved paths of the publications. */
  readonly #taken = new Set<string>();

  constructor(roots: TargetRoots, allowDisk: boolean, user: number) {
    this.#roots = roots;
    this.#allowDisk = allowDisk;
    this.#user = user;
  }

  /** From now until `release`, nothing else is rendered at or below this target. */
  take(target: string): void {
    this.#taken.add(this.#roots.resolve(target));
  }

  release(target: string): void {
    this.#taken.delete(this.#roots.resolve(target));
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

  /** Removes the target when it still is the file of this identity, or the directory of this identity and empty. */
  remove(target: string, identity: string): void {
    using parent = this.#roots.openIfThere(target);
    using opened = parent?.openUnlessLink();
    if (parent === undefined || opened === undefined || identityOf(opened) !== identity) return;
    if (opened.stats.isFile()) unlinkSync(parent.path);
    else parent.removeEmpty();
  }

  /** Removes the target when it is an empty directory or file, whoever made it. */
  removeEmpty(target: string): void {
    using parent = this.#roots.openIfThere(target);
    parent?.removeEmpty();
  }

  /** Removes the target when it is an empty directory, whoever made it. */
  removeEmptyDirectory(target: string): void {
    using parent = this.#roots.openIfThere(target);
    parent?.removeEmptyDirectory();
  }

  /** An empty directory of the daemon's user, 0755; made when there is none. */
  prepareDirectory(target: string): PreparedTarget {
    using parent = this.#open(target);
    const found = parent.openExisting();
    if (found === undefined) {
      this.#requireMemory(parent.parentPath, target);
      const opened = parent.createDirectory();
      chmodSync(opened.path, 0o755);
      return { opened, undo: () => this.remove(target, identityOf(opened)) };
    }
    return disposingOnError(found, () => {
      if (!found.isDirectory) throw refusal(target, 'there is a file; remove it, or choose a path that does not exist');
      this.#requireMemory(found.path, target);
      this.#requireOwnAndEmpty(found, target);
      chmodSync(found.path, 0o755);
      const { gid, mode } = found.stats;
      const undo = () => {
        chownSync(found.path, -1, gid);
        chmodSync(found.path, mode & 0o7777);
      };
      return { opened: found, undo };
    });
  }

  /** An empty file of the daemon's user, 0600. An empty file that is there already is replaced. */
  prepareFile(target: string): PreparedTarget {
    using parent = this.#open(target);
    this.#requireMemory(parent.parentPath, target);
    using found = parent.openExisting();
    if (found !== undefined) {
      if (found.isDirectory) {
        throw refusal(target, 'there is a directory where the subPath is a file; remove it, or choose another path');
      }
      this.#requireOwnAndEmpty(found, target);
      parent.removeEmpty();
    }
    const opened = parent.createFile();
    return { opened, undo: () => this.remove(target, identityOf(opened)) };
  }

  #openIfAllowed(target: string): OpenedParent | undefined {
    try {
      return this.#roots.openIfThere(target);
    } catch (error) {
      if (error instanceof LanternError && error.code === 'permission-denied') return undefined;
      throw error;
    }
  }

  #open(target: string): OpenedParent {
    for (let path = this.#roots.resolve(target); path !== '/'; path = dirname(path)) {
      if (this.#taken.has(path)) {
        throw refusal(target, `"${path}" is a publication already; choose a target outside of it`);
      }
    }
    return this.#roots.open(target);
  }

  #requireMemory(path: string, target: string): void {
    if (this.#allowDisk || isInMemory(path)) return;
    throw refusal(
      target,
      'it does not lie on a tmpfs or ramfs, so secrets would reach a disk; choose a target in memory (such as below "/dev/shm"), or start with --allow-disk',
    );
  }

  #requireOwnAndEmpty(found: OpenedTarget, target: string): void {
    const { uid } = found.stats;
    if (uid !== this.#user) {
      throw refusal(
        target,
        `it belongs to the user ${uid}, who could exchange what is written there; choose a path that does not exist yet`,
      );
    }
    if (!found.isEmpty()) throw refusal(target, 'it is not empty; empty it, or choose another target');
  }
}

/** Says which file or directory it is, for as long as the machine runs. */
export function identityOf(opened: OpenedTarget): string {
  const { device, inode } = identifyFile(opened.fd);
  return `${device} ${inode}`;
}

function refusal(target: string, why: string): LanternError {
  return new LanternError('failed-precondition', `publish at "${target}": ${why}`);
}

function disposingOnError<T>(resource: Disposable, action: () => T): T {
  try {
    return action();
  } catch (error) {
    resource[Symbol.dispose]();
    throw error;
  }
}

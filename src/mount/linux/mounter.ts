import type { MountFlag } from '../../volume/record.ts';
import type { MountEntry, MountTable } from './mount-table.ts';
import type { OpenedParent, OpenedTarget } from './opened-target.ts';
import type { FileIdentity } from './system-calls.ts';

/** The source of every pool in the mount table. */
export const POOL_SOURCE = 'lantern';

export type PoolLimits = {
  readonly bytes: number;
  /** Empty directories cost no bytes, so a pool needs this limit too. */
  readonly inodes: number;
};

/** The mounts of the bind publisher. Each call makes one change or none. Errors have an errno `code`. */
export interface Mounter {
  /** Mounts a new empty tmpfs on `directory`: 0700, nosuid, nodev. */
  mountPool(directory: string, limits: PoolLimits): void;
  /** Unmounts the topmost mount of a directory of the daemon's own, in use or not. Does nothing without a mount. */
  unmount(directory: string): void;
  /**
   * Binds `source`, a file or directory of the daemon's own, over the target: read-only, nosuid, nodev and private from
   * the first moment on. `announce` is called before anybody sees the mount; if it throws, nothing is mounted.
   */
  bind(
    source: string,
    target: OpenedTarget,
    flags: readonly MountFlag[],
    announce?: (mount: FileIdentity) => void,
  ): BoundMount;
  /** Unmounts the mount that the target is the root of, in use or not. */
  unbind(target: OpenedTarget): void;
  /** The same in another thread. The target must stay open meanwhile. */
  unbindInThread(target: OpenedTarget): Promise<void>;
  /** Binds the publication's contents, writable, on a directory of the daemon's own. The publication stays as it is. */
  adopt(publication: OpenedTarget, directory: string): void;
  /**
   * Identifies what is at the target, at the name in its parent, or at the path, mounts included. ENOENT for nothing.
   */
  identify(place: OpenedTarget | OpenedParent | string): FileIdentity;
  /** Takes time proportional to all mounts of the host: only for the start and rare occasions, never per request. */
  table(): readonly MountEntry[];
  /** The same for repeated looks. Must be disposed. */
  watchTable(): MountTable;
}

/** A mount that was just made, wherever its target has been moved since. Must be disposed. */
export interface BoundMount extends Disposable {
  readonly identity: FileIdentity;
  undo(): void;
}

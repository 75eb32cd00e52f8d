import type { MountFlag } from '../../volume/record.ts';
import type { MountEntry, MountTable } from './mount-table.ts';
import type { OpenedTarget } from './opened-target.ts';
import type { FileIdentity } from './system-calls.ts';

/** The source of every pool in the mount table. */
export const POOL_SOURCE = 'lantern';

export type PoolLimits = {
  readonly bytes: number;
  /** Empty directories cost no bytes, so a pool needs this limit too. */
  readonly inodes: number;
};

/**
 * The mounts that the bind publisher makes and looks at. Synchronous; each call makes one change or none. Failures are
 * errors with an errno `code`.
 */
export interface Mounter {
  /** Mounts a new empty tmpfs on `directory`: 0700, nosuid, nodev. */
  mountPool(directory: string, limits: PoolLimits): void;
  /** Unmounts the topmost mount of a directory of the daemon's own, in use or not. Nothing mounted: nothing happens. */
  unmount(directory: string): void;
  /**
   * Binds `source`, a file or directory of the daemon's own, at the target: read-only, nosuid, nodev and private from
   * the first moment on. It covers whatever is at the target. `announce` is called with the mount before anybody sees
   * it; if it throws, nothing is mounted.
   */
  bind(
    source: string,
    target: OpenedTarget,
    flags: readonly MountFlag[],
    announce?: (mount: FileIdentity) => void,
  ): BoundMount;
  /** Unmounts the mount that the target is the root of, in use or not. */
  unbind(target: OpenedTarget): void;
  /** Binds the publication's contents, writable, on a directory of the daemon's own. The publication stays as it is. */
  adopt(publication: OpenedTarget, directory: string): void;
  /** Identifies what is at the target or path, mounts included. */
  identify(place: OpenedTarget | string): FileIdentity;
  /**
   * Reads the mount table, in time proportional to all mounts of the host: at start and on rare occasions, never per
   * request.
   */
  table(): readonly MountEntry[];
  /** The same for repeated looks. Must be disposed. */
  watchTable(): MountTable;
}

/** A mount that was just made, wherever its target has been moved since. Must be disposed. */
export interface BoundMount extends Disposable {
  /** The file or directory it shows, with its own mount id. */
  readonly identity: FileIdentity;
  /** Unmounts it again. */
  undo(): void;
}

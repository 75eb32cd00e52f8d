import type { MountFlag } from '../../volume/record.ts';
import type { MountEntry, MountTable } from './mount-table.ts';
import type { OpenedTarget } from './opened-target.ts';
import type { FileIdentity } from './system-calls.ts';

/** How every file system of ours is named in the mount table. */
export const POOL_SOURCE = 'lantern';

export type PoolLimits = {
  readonly bytes: number;
  /** Empty directories cost no bytes: without this limit a pool never fills up with them. */
  readonly inodes: number;
};

/**
 * What the publisher asks of the mount table. Synchronous; each call is one change or none. Failures are errors with an
 * errno `code`.
 */
export interface Mounter {
  /** A new empty tmpfs on `directory`, root-only (0700), nosuid, nodev. */
  mountPool(directory: string, limits: PoolLimits): void;
  /** Takes the topmost mount off a directory of the daemon's own, in use or not. Nothing mounted: nothing happens. */
  unmount(directory: string): void;
  /**
   * Shows `source`, a file or directory of the daemon's own, at the target: read-only, nosuid, nodev, and outside every
   * peer group from the first moment on. The target is covered, whatever is there. `announce` hears which mount it will be
   * before anybody sees it; what it throws leaves nothing mounted.
   */
  bind(
    source: string,
    target: OpenedTarget,
    flags: readonly MountFlag[],
    announce?: (mount: FileIdentity) => void,
  ): BoundMount;
  /** Takes the mount the target is the root of away, in use or not. */
  unbind(target: OpenedTarget): void;
  /** Shows the publication's contents, writable, on a directory of the daemon's own. The publication stays as it is. */
  adopt(publication: OpenedTarget, directory: string): void;
  /** What is at the target or path, mounts included. */
  identify(place: OpenedTarget | string): FileIdentity;
  /** The mount table. O(all mounts of the host): for the start and for rare questions, never per request. */
  table(): readonly MountEntry[];
  /** The same to be looked at now and then. Dispose of it in any case. */
  watchTable(): MountTable;
}

/** A mount that was just made, wherever its target has been moved to meanwhile. Dispose of it in any case. */
export interface BoundMount extends Disposable {
  /** What it shows; the id is its own. */
  readonly identity: FileIdentity;
  /** Takes the mount away again. */
  undo(): void;
}

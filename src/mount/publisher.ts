import type { Awaitable } from '../base/steps.ts';
import type { Payload } from '../payload/payload.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import type { VolumeId } from '../spec/volume-spec.ts';
import type { WriteOutcome } from '../volume/atomic-writer.ts';
import type { FileSystemUsage } from '../volume/file-system.ts';
import type { FileSummary } from '../volume/generation-contents.ts';
import type { KeptInputs, MountFlag, VolumeRecord } from '../volume/record.ts';

/**
 * Makes volumes visible at targets. There are two kinds: `bind` keeps each volume once in a pool and binds it read-only
 * at its targets (needs CAP_SYS_ADMIN); `direct` renders it into each target (needs no privilege).
 *
 * Calls only use file systems in memory and the mount table, and are complete when they return. Calls that may handle
 * thousands of files (`Awaitable`) return at once if they fit into one slice of time; otherwise they continue in
 * slices, and the change is incomplete until the promise settles. The caller waits for it, and serialises calls per
 * volume.
 */
export interface Publisher extends AsyncDisposable {
  readonly kind: 'bind' | 'direct';
  /** Whether it can give files to other users and groups (CAP_CHOWN). */
  readonly canChangeOwners: boolean;
  /**
   * Warnings for the log and for `doctor`, such as that pools may be swapped out. Do not change after
   * `detectPublisher`.
   */
  readonly cautions: readonly string[];
  /**
   * Takes over what an earlier daemon left. Called once, before anything else. Removes orphan pools and incomplete
   * volumes. A volume with a damaged record is returned with the problem in `record`, if a publication of it still
   * exists.
   */
  resume(): readonly ResumedVolume[];
  /**
   * The target's real path below its root, which may be reached by a link; the target itself if it lies outside the
   * roots. `invalid-argument` for a malformed path.
   */
  realTarget(target: string): string;
  /**
   * The volume on this node, created if missing. Volumes of the same `domain` (a namespace or a volume id) share a
   * pool. `resource-exhausted` beyond the limit for all pools.
   */
  open(volumeId: VolumeId, domain: string): HostedVolume;
  /**
   * Clears a target that no record knows, for example after a reboot: unmounts it if it shows this volume, and removes
   * an empty directory. Everything else stays, even an empty file, which may be somebody else's. Does not throw if
   * nothing is there.
   */
  clear(volumeId: VolumeId, target: string): void;
  /**
   * The targets, by real path, of publications that others unmounted. Moved and covered mounts still exist. Reads the
   * mount table at most once: call it only for volumes that are not `isInPlace`.
   */
  vanished(volumes: readonly HostedVolume[]): ReadonlyMap<HostedVolume, readonly string[]>;
  /** Usage of all pools together. */
  poolTotals(): PoolTotals;
  /** Removes every publication and pool (`--unmount-on-exit`). */
  removeAll(): void;
}

export type ResumedVolume = {
  readonly volume: HostedVolume;
  /** The record, or why it cannot be read. */
  readonly record:
    | { readonly ok: true; readonly value: VolumeRecord }
    | { readonly ok: false; readonly problem: string };
  readonly inputs: KeptInputs | undefined;
  /**
   * The recorded publications that still exist, at their targets or wherever the mounts were moved. Without a usable
   * record, all mounts of the volume below a target root. Other mounts of the volume are somebody else's.
   */
  readonly liveTargets: readonly LiveTarget[];
};

/** A publication found at start. Sub path and generation are undefined for the whole volume. */
export type LiveTarget = PublishedTarget & {
  readonly target: string;
  readonly subPath: RelativePath | undefined;
};

/** One volume's generations and publications on this node. */
export interface HostedVolume {
  /** Name of the volume's directory: a hash of its id. */
  readonly directoryName: string;
  /** The current generation's name; undefined before the first write. */
  readonly generation: string | undefined;
  /** The number of generations kept only because others have bound a part of them. */
  readonly boundElsewhere: number;
  /** The files of the current generation, in byte order of their paths. After a restart they are read from disk. */
  files(): readonly FileSummary[];
  /**
   * Writes the payload as a new generation and swaps it in for every publication of the whole volume. Equal contents:
   * no file system call, `changed: false`. A failure leaves the old generation complete; `resource-exhausted` if the
   * pool has no room.
   */
  write(payload: Payload): Awaitable<WriteOutcome>;
  /**
   * Checks that the files are still as they were written, with one file system call per file and directory if nobody
   * touched them. Damages are repaired at once, by the same swap. A repair fails as `write` does; the next look or
   * write tries again.
   */
  look(): Awaitable<Findings>;
  /**
   * Makes the volume, or `subPath` of its current generation, visible at `target`. A repeat does nothing. `not-found`
   * for a missing subPath, listing the files there are; `failed-precondition` for a target that must not be covered,
   * and for flags that the publisher does not support (all of them, for `direct`). A failure leaves the target as it
   * was before.
   *
   * `announce` is called with the publication before anybody sees it, or if it exists already, so that it can be
   * recorded before a crash loses it. If it throws, nothing is published.
   */
  publish(
    target: string,
    subPath: RelativePath | undefined,
    flags: readonly MountFlag[],
    announce?: (shown: PublishedTarget) => void,
  ): Awaitable<PublishedTarget>;
  /**
   * Removes the publication, wherever its mount was moved, and the target. Afterwards the publication is nowhere, or
   * this throws and the publication stays known. Nothing there: nothing happens.
   */
  unpublish(target: string): Awaitable<void>;
  /** Drops a publication that `Publisher.vanished` returned, and the generation kept for it. */
  forget(target: string): Awaitable<void>;
  /** Whether every publication is where it was seen last. At most one system call for each. */
  isInPlace(): boolean;
  /** Whether the target still shows this volume. */
  isPublished(target: string): boolean;
  saveRecord(record: VolumeRecord): void;
  /**
   * Saves the request's secret bytes and the issued tokens, apart from the record; undefined removes them. Tokens that
   * can be issued again are left out if they would reach a disk.
   */
  saveInputs(inputs: KeptInputs | undefined): void;
  /**
   * Removes record, inputs and generations, and with the last volume the pool, at once or a little later. Refused while
   * there are publications.
   */
  remove(): Awaitable<void>;
  usage(): VolumeUsage;
}

/** The result of a look, in phrases for messages. */
export type Findings = {
  /** Damages that were repaired: `the file "tls.key" was removed`. */
  readonly repaired: readonly string[];
  /** Damages that only a new mount can repair. Repeated by every look. */
  readonly lasting: readonly string[];
};

export type PublishedTarget = {
  /** The generation a subPath publication is pinned to. */
  readonly pinnedGeneration: string | undefined;
  /** The publication's own mount; undefined with `direct`. */
  readonly mountId: number | undefined;
};

export type VolumeUsage = Omit<FileSystemUsage, 'blockBytes'>;

/** Sums over all pools; all 0 with `direct`. */
export type PoolTotals = {
  readonly pools: number;
  readonly usedBytes: number;
  /** The sum of the pools' sizes. */
  readonly sizeBytes: number;
  /** The limit for all pools together, including future ones. */
  readonly limitBytes: number;
};

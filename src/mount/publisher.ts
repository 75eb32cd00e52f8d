import type { Awaitable } from '../base/steps.ts';
import type { Payload } from '../payload/payload.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import type { VolumeId } from '../spec/volume-spec.ts';
import type { WriteOutcome } from '../volume/atomic-writer.ts';
import type { FileSystemUsage } from '../volume/file-system.ts';
import type { FileSummary } from '../volume/generation-contents.ts';
import type { KeptInputs, MountFlag, VolumeRecord } from '../volume/record.ts';

/**
 * Makes volumes visible at targets. `bind` keeps each volume once in a pool and binds it read-only at its targets
 * (needs CAP_SYS_ADMIN). `direct` renders it into each target (needs no privilege).
 *
 * Calls only use file systems in memory and the mount table. They are complete when they return, or, for an `Awaitable`
 * that exceeds one slice of time, when its promise settles. The caller waits, and serialises calls per volume.
 */
export interface Publisher extends AsyncDisposable {
  readonly kind: 'bind' | 'direct';
  /** True if it can give files to other users and groups (CAP_CHOWN). */
  readonly canChangeOwners: boolean;
  /** Warnings for the log and for `doctor`, for example about swap. Constant after `detectPublisher`. */
  readonly cautions: readonly string[];
  /**
   * Takes over what an earlier daemon left. Called once, before anything else. Removes orphan pools and incomplete
   * volumes. A volume with a damaged record is returned if a publication of it still exists.
   */
  resume(): readonly ResumedVolume[];
  /** The real path of a target behind a linked root; unchanged outside the roots. `invalid-argument` if malformed. */
  realTarget(target: string): string;
  /**
   * The volume on this node, created if missing. Volumes of one `domain` (a namespace or a volume id) share a pool.
   * Throws `resource-exhausted` beyond the limit for all pools.
   */
  open(volumeId: VolumeId, domain: string): HostedVolume;
  /**
   * Clears a target that no record knows, for example after a reboot: unmounts this volume, removes an empty directory.
   * Everything else stays, even an empty file, which may be somebody else's. A missing target is not an error.
   */
  clear(volumeId: VolumeId, target: string): void;
  /**
   * Targets, by real path, of publications that others unmounted. Moved and covered mounts still exist. Reads the mount
   * table at most once: call it only for volumes that are not `isInPlace`.
   */
  vanished(volumes: readonly HostedVolume[]): ReadonlyMap<HostedVolume, readonly string[]>;
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
   * Recorded publications that still exist, at their targets or wherever the mounts were moved. Without a usable
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
  /** A hash of the volume's id. */
  readonly directoryName: string;
  /** Undefined before the first write. */
  readonly generation: string | undefined;
  /** The number of generations kept only because others have bound a part of them. */
  readonly boundElsewhere: number;
  /** Files of the current generation, in byte order of their paths. After a restart they are read from disk. */
  files(): readonly FileSummary[];
  /**
   * Writes the payload as a new generation and swaps it in for every publication of the whole volume. Equal contents
   * cost no file system call. After a failure (`resource-exhausted` for a full pool) the old generation stays.
   */
  write(payload: Payload): Awaitable<WriteOutcome>;
  /**
   * Checks that the files are as written, with one call per file and directory if nobody touched them, and repairs
   * damages by the same swap. A repair fails as `write` does; the next look or write tries again.
   */
  look(): Awaitable<Findings>;
  /**
   * Makes the volume, or `subPath` of its current generation, visible at `target`. A repeat does nothing. A failure
   * leaves the target as it was. Throws `not-found`, with the existing files, for a missing subPath;
   * `failed-precondition` for a target that must not be covered, and for unsupported flags (all, for `direct`).
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
   * this throws and the publication stays known. A missing one is not an error. `inThread` lets the event loop go on
   * while the kernel unmounts, at the cost of a thread; `direct` unmounts nothing.
   */
  unpublish(target: string, inThread?: boolean): Awaitable<void>;
  /** Drops a publication that `Publisher.vanished` returned, and the generation kept for it. */
  forget(target: string): Awaitable<void>;
  /** True if every publication is where it was seen last. Makes at most one system call per publication. */
  isInPlace(): boolean;
  /** True if the target still shows this volume. */
  isPublished(target: string): boolean;
  /**
   * True if `look` would find nothing, and `publish` this publication. An error of the system means that it would not.
   */
  isUntouched(target: string): boolean;
  saveRecord(record: VolumeRecord): void;
  /**
   * Saves the request's secret bytes and the issued tokens, apart from the record; undefined removes them. Tokens that
   * can be issued again are left out if they would reach a disk.
   */
  saveInputs(inputs: KeptInputs | undefined): void;
  /** Removes record, inputs, generations, and after the last volume the pool. Refused while there are publications. */
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

/** Of all pools together; all 0 with `direct`. */
export type PoolTotals = {
  readonly pools: number;
  readonly usedBytes: number;
  readonly sizeBytes: number;
  /** The limit for all pools together, including future ones. */
  readonly limitBytes: number;
  /** The used share of the fullest pool, from 0 to 1. */
  readonly fullestRatio: number;
};

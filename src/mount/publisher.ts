import type { Awaitable } from '../base/steps.ts';
import type { Payload } from '../payload/payload.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import type { VolumeId } from '../spec/volume-spec.ts';
import type { WriteOutcome } from '../volume/atomic-writer.ts';
import type { FileSummary } from '../volume/generation-contents.ts';
import type { KeptInputs, MountFlag, VolumeRecord } from '../volume/record.ts';

/**
 * How volumes become visible at targets. Two ways: `bind` keeps each volume once in a pool and binds it read-only
 * wherever it is wanted (needs CAP_SYS_ADMIN); `direct` renders it into each target itself (needs nothing).
 *
 * Calls touch memory file systems and the mount table only, and are done when they return. Those that may be about
 * thousands of files (`Awaitable`) are so where they fit into one slice of time; else they go on in slices, and the
 * volume is in between until the promise is settled. The caller waits for it, and serialises per volume.
 */
export interface Publisher extends AsyncDisposable {
  readonly kind: 'bind' | 'direct';
  /** Whether files can be given to other users and groups (CAP_CHOWN). */
  readonly canChangeOwners: boolean;
  /** Warnings for the log and for `doctor`, e.g. that pools could be swapped out. Fixed after `detectPublisher`. */
  readonly cautions: readonly string[];
  /**
   * What an earlier daemon left, called once before anything else. Removes what belongs to nobody (orphan pools, half
   * volumes). A damaged record yields a volume whose `record` is a fault, as long as a publication of it lives.
   */
  resume(): readonly ResumedVolume[];
  /**
   * The one name of a target that has several, as a root may be reached by a link: its real path. The target itself
   * where it lies outside the roots. `invalid-argument` for a path that is none.
   */
  realTarget(target: string): string;
  /**
   * The volume's place on this node, made when it does not exist. `domain` is what shares a pool: the namespace, or
   * the volume id. `resource-exhausted` past the cap over all pools.
   */
  open(volumeId: VolumeId, domain: string): HostedVolume;
  /**
   * Takes away whatever of this volume may still be at a target that no record knows, e.g. after a reboot: unmounts
   * it when it is this volume's, removes an empty directory. Anything else stays, an empty file too: nobody knows whose it
   * is. Never throws for "nothing there".
   */
  clear(volumeId: VolumeId, target: string): void;
  /**
   * The targets, by real path, at which these volumes are not to be seen any more because others took the mounts away. What
   * was moved or covered is still there. Reads the mount table at most once: ask only for volumes that are not `isInPlace`.
   */
  vanished(volumes: readonly HostedVolume[]): ReadonlyMap<HostedVolume, readonly string[]>;
  /** How full the pools are, all together. */
  poolTotals(): PoolTotals;
  /** Takes away every publication and pool (`--unmount-on-exit`). */
  removeAll(): void;
}

export type ResumedVolume = {
  readonly volume: HostedVolume;
  /** What the record said, or why it cannot be read. */
  readonly record:
    | { readonly ok: true; readonly value: VolumeRecord }
    | { readonly ok: false; readonly problem: string };
  readonly inputs: KeptInputs | undefined;
  /**
   * What is really visible now of the publications that the record names, at their targets or wherever the mounts were moved.
   * Without a usable record, what lies below a target root. Other mounts of the volume are somebody else's.
   */
  readonly liveTargets: readonly LiveTarget[];
};

/** A publication found at start. Sub path and generation are undefined for the whole volume. */
export type LiveTarget = PublishedTarget & {
  readonly target: string;
  readonly subPath: RelativePath | undefined;
};

/** One volume's generations and visible ends on this node. */
export interface HostedVolume {
  /** Name of the volume's directory: a hash of its id. */
  readonly directoryName: string;
  /** The current generation's name; undefined before the first write. */
  readonly generation: string | undefined;
  /** How many generations stay for nothing but what others have bound of them. */
  readonly boundElsewhere: number;
  /** The files of the current generation, in byte order of their paths; read back from disk after a restart. */
  files(): readonly FileSummary[];
  /**
   * Writes the payload as a new generation and swaps it in for every whole-volume publication. Equal contents: no file
   * system call at all, `changed: false`. A failure leaves the old generation whole; `resource-exhausted` when the pool
   * has no room.
   */
  write(payload: Payload): Awaitable<WriteOutcome>;
  /**
   * Looks whether what was written is still there as it was, at the cost of one call to the file system per file and
   * directory where nobody touched any. What is damaged is written anew at once, by the same swap; that fails as `write`
   * does, and the next look or write tries it again.
   */
  look(): Awaitable<Findings>;
  /**
   * Flags that the way cannot give (any, for `direct`) are `failed-precondition`.
   *
   * Makes the volume, or `subPath` of its current generation, visible at `target`. Again with the same arguments:
   * nothing happens. `not-found` for a missing subPath, naming what there is; `failed-precondition` for a target
   * that must not be covered. On failure nothing is left at the target that was not there before.
   *
   * `announce` hears what will be there before anybody sees it, or what is there already, so that it can be written down
   * before a crash loses it; what it throws ends the publishing.
   */
  publish(
    target: string,
    subPath: RelativePath | undefined,
    flags: readonly MountFlag[],
    announce?: (shown: PublishedTarget) => void,
  ): Awaitable<PublishedTarget>;
  /**
   * Takes the volume away from the target, wherever its mount was moved meanwhile, and removes the path. Afterwards the
   * publication is nowhere, or this throws and the publication stays known. Nothing there: nothing happens.
   */
  unpublish(target: string): Awaitable<void>;
  /** Nobody sees the publication any more, as `Publisher.vanished` found. What was kept for it is let go. */
  forget(target: string): Awaitable<void>;
  /** Whether each publication is where it was seen last. At most one system call for each. */
  isInPlace(): boolean;
  /** Whether the target still shows this volume. */
  isPublished(target: string): boolean;
  saveRecord(record: VolumeRecord): void;
  /**
   * The request's secret bytes and the tokens issued, kept apart from the record; undefined removes them. What can be
   * issued again is left out where it would reach a disk.
   */
  saveInputs(inputs: KeptInputs | undefined): void;
  /**
   * Removes record, inputs and generations, and the pool with its last volume, at once or a little later. Only without
   * publications.
   */
  remove(): Awaitable<void>;
  usage(): VolumeUsage;
}

/** Phrases for messages. */
export type Findings = {
  /** What was damaged, and is no more: `the file "tls.key" was removed`. */
  readonly repaired: readonly string[];
  /** What only a new mount can mend, as long as it is so. */
  readonly lasting: readonly string[];
};

export type PublishedTarget = {
  /** The generation a subPath publication is pinned to. */
  readonly pinnedGeneration: string | undefined;
  /** The publication's own mount; undefined where there is none, as with `direct`. */
  readonly mountId: number | undefined;
};

export type VolumeUsage = {
  readonly usedBytes: number;
  readonly totalBytes: number;
  readonly usedInodes: number;
  readonly totalInodes: number;
};

/** Sums over all pools; nothing but zeros where there are none, as with `direct`. */
export type PoolTotals = {
  readonly pools: number;
  readonly usedBytes: number;
  /** What they may hold. */
  readonly sizeBytes: number;
  /** What all pools together may have, those not made yet included. */
  readonly limitBytes: number;
};

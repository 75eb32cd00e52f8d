import type { Steps } from '../base/steps.ts';
import type { FileStamp, VolumeFs } from './file-system.ts';
import { readingContents } from './generation-contents.ts';
import type { KnownVolume } from './known-volume.ts';

/** A change that came less than this before a stamp, in milliseconds, may be followed by one that it does not show. */
const TICK_MS = 20;

/**
 * What was found at a number of paths, to see at the cost of one call for each whether anybody touched them since:
 * equal stamps of a directory tell that it has the same names, equal stamps of a file that it has the same bytes.
 */
export class VolumeStamp {
  readonly #fs: VolumeFs;
  readonly #paths: readonly string[];
  readonly #stamps: readonly (FileStamp | undefined)[];

  /** Takes the stamps now. Before what is there is looked at: what happens meanwhile then shows the next time. */
  constructor(fs: VolumeFs, paths: readonly string[]) {
    this.#fs = fs;
    this.#paths = paths;
    this.#stamps = fs.stamps(paths);
  }

  /** Whether all changes were over so long before `now`, in milliseconds since 1970, that a later one would show. */
  isSettled(now: number): boolean {
    const before = now - TICK_MS;
    return this.#stamps.every((stamp) => {
      return stamp !== undefined && stamp.seconds * 1000 + stamp.nanoseconds / 1_000_000 < before;
    });
  }

  /** Whether nobody touched anything since. */
  isUntouched(): boolean {
    return this.#fs.stamps(this.#paths).every((stamp, index) => isSame(this.#stamps[index], stamp));
  }
}

function isSame(a: FileStamp | undefined, b: FileStamp | undefined): boolean {
  return a?.nanoseconds === b?.nanoseconds && a?.inode === b?.inode && a?.seconds === b?.seconds;
}

/**
 * Watches over generations that subPath publications show. Their mounts hold on to these very files, so nothing can be
 * put in their place: what was done to one can only be told, until it is published anew.
 */
export class PinnedStamps {
  readonly #volume: KnownVolume;
  readonly #stamps = new Map<string, VolumeStamp | undefined>();
  readonly #damaged = new Set<string>();

  constructor(volume: KnownVolume) {
    this.#volume = volume;
  }

  /** Those in which somebody changed something since they were pinned, or since the first look after a restart. */
  get damaged(): ReadonlySet<string> {
    return this.#damaged;
  }

  pin(generation: string): void {
    if (this.#stamps.has(generation)) return;
    const volume = this.#volume;
    const isCurrent = volume.isKnown && volume.listing.generation === generation;
    this.#stamps.set(generation, isCurrent ? this.#stampOf(volume.pathsOf(generation, volume.contents)) : undefined);
  }

  /** The last pin is gone. */
  unpin(generation: string): void {
    this.#stamps.delete(generation);
    this.#damaged.delete(generation);
  }

  *look(): Steps<void> {
    for (const [generation, stamp] of this.#stamps) {
      if (stamp?.isUntouched() === false) this.#damaged.add(generation);
      yield;
      if (stamp !== undefined) continue;
      const contents = yield* readingContents(this.#volume.fs, this.#volume.at(generation));
      // Unless it was unpinned meanwhile.
      if (this.#stamps.has(generation)) {
        this.#stamps.set(generation, this.#stampOf(this.#volume.pathsOf(generation, contents)));
      }
    }
  }

  #stampOf(paths: readonly string[]): VolumeStamp {
    return new VolumeStamp(this.#volume.fs, paths);
  }
}

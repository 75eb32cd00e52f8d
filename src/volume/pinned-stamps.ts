import type { Steps } from '../base/steps.ts';
import { readingContents } from './generation-contents.ts';
import type { KnownVolume } from './known-volume.ts';
import { VolumeStamp } from './volume-stamp.ts';

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

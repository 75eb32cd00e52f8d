import type { LiveVolume } from './live-volume.ts';
import type { VolumeState } from './projector.ts';
import { stateOf } from './status.ts';

/** How many of what there is on this node, without saying which. */
export type VolumeCensus = {
  readonly volumes: Readonly<Record<VolumeState, number>>;
  /** Targets that show a whole volume, and those that show a subPath of one. */
  readonly publications: { readonly whole: number; readonly subPath: number };
  /** Generations that stay because a subPath publication shows them, or a bind that others made. */
  readonly pinnedGenerations: number;
};

/** Counts in one pass; nothing is read from disk. */
export function takeCensus(all: Iterable<LiveVolume>): VolumeCensus {
  const volumes = { ready: 0, stale: 0, degraded: 0 };
  const publications = { whole: 0, subPath: 0 };
  let pinnedGenerations = 0;
  for (const volume of all) {
    volumes[stateOf(volume)] += 1;
    const pinned = new Set<string>();
    for (const { subPath, pinnedGeneration } of volume.publications.values()) {
      publications[subPath === undefined ? 'whole' : 'subPath'] += 1;
      if (pinnedGeneration !== undefined) pinned.add(pinnedGeneration);
    }
    pinnedGenerations += pinned.size + volume.hosted.boundElsewhere;
  }
  return { volumes, publications, pinnedGenerations };
}

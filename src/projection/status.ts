import { toLanternError } from '../base/errors.ts';
import { parseRefKey } from '../objects/object.ts';
import type { Staleness } from '../stores/store.ts';
import { timeOfGeneration } from '../volume/layout.ts';
import type { LiveVolume } from './live-volume.ts';
import type { ObjectRevision, VolumeState, VolumeStatus } from './projector.ts';

/** What can be said of a volume, without a secret byte. */
export function statusOf(volume: LiveVolume, staleness: Staleness | undefined): VolumeStatus {
  const { files, generation, problem } = contentsOf(volume);
  const state = stateOf(volume);
  return {
    volumeId: volume.name,
    namespace: volume.namespace,
    state: problem !== undefined && state === 'ready' ? 'stale' : state,
    generation,
    definition: volume.wanted?.definition,
    files,
    publications: [...volume.publications.values()],
    lastError: volume.problem ?? problem,
    problemSince: volume.problemSince,
    updatedAt: generation === undefined ? undefined : timeOfGeneration(generation),
    staleSince: staleSince(volume, staleness),
    objects: [...volume.provenance.objects].map(([key, revision]) => revisionOf(key, revision)),
    mountGroup: volume.wanted?.mountGroup,
    pod: volume.wanted?.pod,
    podVolume: volume.wanted?.podVolume,
  };
}

type Contents = Pick<VolumeStatus, 'files' | 'generation'> & { readonly problem: string | undefined };

/** What cannot be read now costs this volume its list, and no other one. */
function contentsOf({ name, hosted }: LiveVolume): Contents {
  try {
    return { files: hosted.files(), generation: hosted.generation, problem: undefined };
  } catch (error) {
    const { message } = toLanternError(error, `list the files of volume "${name}"`);
    return { files: [], generation: undefined, problem: message };
  }
}

/** Since when the source cannot say whether the contents are still the newest; undefined where it can. */
export function staleSince({ provenance }: LiveVolume, staleness: Staleness | undefined): number | undefined {
  return provenance.objects.size === 0 ? undefined : staleness?.staleSince;
}

function stateOf(volume: LiveVolume): VolumeState {
  if (volume.wanted === undefined || volume.damage !== undefined) return 'degraded';
  return volume.lastError === undefined ? 'ready' : 'stale';
}

function revisionOf(key: string, revision: number | null): ObjectRevision {
  const { kind, name } = parseRefKey(key);
  return { kind, name, revision: revision ?? undefined };
}

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

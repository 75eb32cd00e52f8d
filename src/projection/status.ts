import { parseRefKey } from '../objects/object.ts';
import type { LiveVolume } from './live-volume.ts';
import type { ObjectRevision, VolumeState, VolumeStatus } from './projector.ts';

/** What can be said of a volume, without a secret byte. */
export function statusOf(volume: LiveVolume): VolumeStatus {
  return {
    volumeId: volume.name,
    namespace: volume.namespace,
    state: stateOf(volume),
    generation: volume.hosted.generation,
    definition: volume.wanted?.definition,
    files: volume.hosted.files(),
    publications: [...volume.publications.values()],
    lastError: volume.lastError,
    objects: [...volume.provenance.objects].map(([key, revision]) => revisionOf(key, revision)),
    mountGroup: volume.wanted?.mountGroup,
    pod: volume.wanted?.pod,
    podVolume: volume.wanted?.podVolume,
  };
}

export function stateOf(volume: LiveVolume): VolumeState {
  if (volume.wanted === undefined) return 'degraded';
  return volume.lastError === undefined ? 'ready' : 'stale';
}

function revisionOf(key: string, revision: number | null): ObjectRevision {
  const { kind, name } = parseRefKey(key);
  return { kind, name, revision: revision ?? undefined };
}

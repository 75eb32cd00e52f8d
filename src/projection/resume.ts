import type { LiveTarget, ResumedVolume } from '../mount/publisher.ts';
import { LiveVolume } from './live-volume.ts';
import type { Desk } from './publish.ts';
import type { Stages } from './stages.ts';

/**
 * Takes over what an earlier daemon left, from its records and from what is really mounted. A record's publication that
 * is not mounted any more is dropped; a volume with none left is removed; a volume whose record is damaged stays mounted
 * and says so. Nothing is rendered here: `refreshAll` does that once the source has synced, or a token that is due does.
 */
export async function resumeVolumes(stages: Stages, desk: Desk): Promise<void> {
  for (const resumed of stages.publisher.resume()) {
    const volume = takeOver(resumed, stages.clock.now());
    if (volume.publications.size === 0) {
      await desk.leftovers.discard(volume.hosted);
      continue;
    }
    desk.registry.add(volume);
    desk.refresher.resume(volume);
    if (volume.wanted === undefined) {
      stages.log.error(
        { volume: volume.name, problem: volume.lastError },
        'a volume was found without a usable record',
      );
    }
  }
}

/** Looks at every volume again, each as its turn comes. Not before the source has synced. */
export function refreshAll(desk: Desk): void {
  for (const volume of desk.registry.all()) {
    desk.refresher.request(volume.hosted.directoryName);
  }
}

function takeOver({ volume: hosted, record, inputs, liveTargets }: ResumedVolume, now: number): LiveVolume {
  if (!record.ok) {
    const volume = new LiveVolume(hosted, undefined);
    volume.lastError = `its record cannot be read (${record.problem}); mount it again to have it updated`;
    volume.problemSince = now;
    for (const live of liveTargets) assume(volume, live);
    return volume;
  }
  const { volumeId, namespace, definition, mountGroup, pod, podVolume, publications, storeId, objects } = record.value;
  const volume = new LiveVolume(hosted, {
    ...{ volumeId, namespace, definition, mountGroup, pod, podVolume },
    inputs: { data: inputs?.data ?? new Map(), tokens: inputs?.tokens ?? new Map() },
  });
  volume.tokens = inputs?.issued ?? new Map();
  volume.provenance = { storeId, objects };
  const live = new Map(liveTargets.map((target) => [target.target, target]));
  for (const { isAssumed, ...publication } of publications) {
    const found = live.get(publication.target);
    // What the mount shows is what is pinned, should the crash have come between record and mount.
    if (found !== undefined) volume.publications.set(publication.target, { ...publication, ...found });
    if (found !== undefined && isAssumed === true) volume.assumed.add(publication.target);
  }
  return volume;
}

/** Takes over a publication of which only the mount is known. What it stands in for is never held against a repeat. */
function assume(volume: LiveVolume, live: LiveTarget): void {
  volume.publications.set(live.target, {
    ...live,
    accessMode: 'SINGLE_NODE_MULTI_WRITER',
    readonly: true,
    mountFlags: [],
  });
  volume.assumed.add(live.target);
}

import { eventHead } from './announce-update.ts';
import type { LiveVolume } from './live-volume.ts';
import type { UnpublishRequest } from './projector.ts';
import type { Desk } from './publish.ts';
import type { Stages } from './stages.ts';

/**
 * Takes a volume away from one target, or from all. Idempotent: what is not published is fine, and whatever of this
 * volume is at the target all the same (after a reboot, or with a lost record) is cleared. The last publication takes
 * the volume's files with it. A target that fails does not keep the others; the first failure is thrown at the end.
 */
export async function unpublish(
  request: UnpublishRequest,
  stages: Stages,
  desk: Desk,
  signal: AbortSignal,
): Promise<void> {
  const key = desk.registry.keyOfKnown(request.volumeId);
  await desk.registry.exclusively(key, signal, async () => {
    const volume = desk.registry.get(key);
    const targets = request.target === undefined ? [...(volume?.publications.keys() ?? [])] : [request.target];
    const failures: unknown[] = [];
    for (const named of targets) {
      try {
        const target = volume?.knownTarget(named, stages.publisher) ?? named;
        if (volume?.publications.has(target)) await withdraw(volume, target, stages, desk);
        else stages.publisher.clear(request.volumeId, target);
      } catch (error) {
        failures.push(error);
      }
    }
    try {
      await settle(key, volume, desk);
    } catch (error) {
      failures.push(error);
    }
    if (failures.length > 0) throw failures[0];
  });
}

/** Writes down what is left of the volume, or removes it with its last publication. */
async function settle(key: string, volume: LiveVolume | undefined, desk: Desk): Promise<void> {
  if (volume === undefined) {
    await desk.leftovers.clear(key);
  } else if (volume.publications.size > 0) {
    volume.save();
  } else {
    desk.refresher.forget(key);
    desk.registry.remove(volume);
    await desk.leftovers.remove(volume.hosted);
  }
}

async function withdraw(volume: LiveVolume, target: string, stages: Stages, desk: Desk): Promise<void> {
  await volume.hosted.unpublish(target);
  volume.publications.delete(target);
  volume.assumed.delete(target);
  desk.events.emit({ ...eventHead(volume, stages.clock.now()), type: 'unmounted', target });
}

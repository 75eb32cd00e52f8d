import { toLanternError } from '../base/errors.ts';
import { Slices } from '../base/steps.ts';
import type { RecordedPublication } from '../volume/record.ts';
import { eventHead } from './announce-update.ts';
import type { LiveVolume } from './live-volume.ts';
import type { Desk } from './publish.ts';
import type { Stages } from './stages.ts';

/**
 * Looks at every publication, and drops those whose mounts others took away: nobody sees them, and they would keep the
 * volume's files for ever. One system call for each, and one look at the mount table for all that are not where they were.
 */
export async function dropVanished(stages: Stages, desk: Desk, signal: AbortSignal): Promise<void> {
  const slices = new Slices(stages.clock);
  const displaced: LiveVolume[] = [];
  for (const volume of desk.registry.all()) {
    await slices.next();
    if (!volume.hosted.isInPlace()) displaced.push(volume);
  }
  if (displaced.length === 0) return;
  const vanished = stages.publisher.vanished(displaced.map(({ hosted }) => hosted));
  for (const volume of displaced) {
    const targets = new Set(vanished.get(volume.hosted));
    const gone = [...volume.publications.values()].filter(({ target }) => {
      return targets.has(stages.publisher.realTarget(target));
    });
    if (gone.length === 0) continue;
    await desk.registry.exclusively(volume.hosted.directoryName, signal, () => drop(volume, gone, stages, desk));
  }
}

async function drop(
  volume: LiveVolume,
  gone: readonly RecordedPublication[],
  stages: Stages,
  desk: Desk,
): Promise<void> {
  // While the lock was waited for, a publication may have been made anew, or the volume removed.
  const still = gone.filter((publication) => volume.publications.get(publication.target) === publication);
  if (still.length === 0 || desk.registry.get(volume.hosted.directoryName) !== volume) return;
  for (const { target } of still) {
    await volume.hosted.forget(stages.publisher.realTarget(target));
    volume.publications.delete(target);
    volume.assumed.delete(target);
    stages.log.warn({ volume: volume.name, target }, 'somebody unmounted a volume, which is dropped there');
    desk.events.emit({ ...eventHead(volume, stages.clock.now()), type: 'unmounted', target });
  }
  if (volume.publications.size > 0) {
    save(volume, stages);
    return;
  }
  desk.refresher.forget(volume.hosted.directoryName);
  desk.registry.remove(volume);
  await desk.leftovers.discard(volume.hosted);
}

function save(volume: LiveVolume, { log }: Stages): void {
  try {
    volume.save();
  } catch (error) {
    const { message } = toLanternError(error, 'save the record');
    log.warn({ volume: volume.name, problem: message }, 'the record of a volume could not be written');
  }
}

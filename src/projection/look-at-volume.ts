import { eventHead } from './announce-update.ts';
import type { VolumeEvents } from './events/volume-events.ts';
import type { LiveVolume } from './live-volume.ts';
import type { Stages } from './stages.ts';

/** How many damages a message names. */
const NAMED_DAMAGES = 5;

/**
 * Looks at the volume itself, rather than at what is remembered of it; what was repaired is told, and so is, once, what
 * only a new mount can mend. Fails as a write does where a repair does.
 */
export async function lookAtVolume(volume: LiveVolume, stages: Stages, events: VolumeEvents): Promise<void> {
  const { repaired, lasting } = await volume.hosted.look();
  const head = eventHead(volume, stages.clock.now());
  if (repaired.length > 0) {
    const message = `somebody damaged it, and it was written anew: ${listed(repaired)}`;
    stages.log.warn({ volume: volume.name, damages: listed(repaired) }, 'a damaged volume was repaired');
    events.emit({ ...head, type: 'warning', reason: 'VolumeRepaired', message });
  }
  const damage = lasting.length === 0 ? undefined : listed(lasting);
  if (damage !== undefined && damage !== volume.damage) {
    stages.log.warn({ volume: volume.name, damage }, 'a volume is damaged');
    events.emit({ ...head, type: 'warning', reason: 'VolumeDamaged', message: damage });
  }
  noteHealth(volume, stages, events, () => {
    volume.damage = damage;
  });
}

function listed(damages: readonly string[]): string {
  const named = damages.slice(0, NAMED_DAMAGES).join(', ');
  return damages.length > NAMED_DAMAGES ? `${named} and ${damages.length - NAMED_DAMAGES} more` : named;
}

/**
 * Makes a change that may say what is wrong with a volume, or that nothing is any more; keeps since when something is, and
 * tells when it is over.
 */
export function noteHealth(
  volume: LiveVolume,
  { clock, log }: Pick<Stages, 'clock' | 'log'>,
  events: VolumeEvents,
  change: () => void,
): void {
  const { problem: before, problemSince: since } = volume;
  change();
  const now = clock.now();
  if (volume.problem !== undefined) {
    volume.problemSince ??= now;
    return;
  }
  volume.problemSince = undefined;
  if (before === undefined) return;
  const message = `it is well again${since === undefined ? '' : `; since ${new Date(since).toISOString()} it was not`}`;
  log.info({ volume: volume.name, problem: before }, 'a volume is well again');
  events.emit({ ...eventHead(volume, now), type: 'recovered', message: `${message}: ${before}` });
}

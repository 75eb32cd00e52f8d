import { eventHead } from './announce-update.ts';
import type { LiveVolume } from './live-volume.ts';
import type { Stages } from './stages.ts';
import type { VolumeEvents } from './volume-events.ts';
import { noteHealth } from './volume-health.ts';

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

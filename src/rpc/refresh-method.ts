import type { Projector } from '../projection/projector.ts';
import { parseVolumeId } from '../spec/volume-id.ts';
import { Reading } from './reading.ts';
import type { ProjectorMethods } from './services.ts';

/** Projector.Refresh. */
export function refreshMethod(projector: Projector): ProjectorMethods['refresh'] {
  return async ({ volumeId, all }, signal) => {
    const reading = new Reading();
    if (all === (volumeId !== '')) reading.refuse('volume_id', 'either name a volume here or set all, not both');
    const id = all ? undefined : reading.take(parseVolumeId(volumeId));
    if (!reading.isGood) throw reading.error();
    const results = await projector.refresh(id, signal);
    return {
      results: results.map((result) => {
        return { volumeId: result.volumeId, changed: result.isChanged, error: result.error ?? '' };
      }),
    };
  };
}

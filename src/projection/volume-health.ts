import { eventHead } from './announce-update.ts';
import type { LiveVolume } from './live-volume.ts';
import type { Stages } from './stages.ts';
import type { VolumeEvents } from './volume-events.ts';

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

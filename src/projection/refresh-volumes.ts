import type { Clock } from '../base/clock.ts';
import { LanternError } from '../base/errors.ts';
import type { LiveVolume } from './live-volume.ts';
import type { RefreshResult } from './projector.ts';
import type { Desk } from './publish.ts';

/** How many volumes are refreshed at once: they wait for the source, not for each other. */
const CONCURRENCY = 16;

/**
 * Refreshes one volume, or all (undefined), from the newest objects; in order of the volumes' names. One that is
 * unmounted meanwhile is left out. `not-found` for an unknown one.
 */
export async function refreshVolumes(
  volumeId: string | undefined,
  desk: Desk,
  signal: AbortSignal,
): Promise<readonly RefreshResult[]> {
  const volumes = volumeId === undefined ? desk.registry.all() : [find(volumeId, desk)];
  const results = new Map<LiveVolume, RefreshResult>();
  const waiting = volumes.values();
  const work = async () => {
    for (const volume of waiting) {
      const refreshed = await desk.refresher.refreshNow(volume.hosted.directoryName, signal);
      if (refreshed !== undefined) results.set(volume, { volumeId: volume.name, ...refreshed });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return volumes.flatMap((volume) => results.get(volume) ?? []);
}

function find(volumeId: string, { registry }: Desk): LiveVolume {
  const volume = registry.get(registry.keyOfKnown(volumeId));
  if (volume !== undefined) return volume;
  throw new LanternError(
    'not-found',
    `refresh volume "${volumeId}": it is not mounted here; "lantern volumes" lists what is`,
  );
}

/** A round comes this much earlier or later, as a share of the period, so that nodes do not read in step. */
const JITTER = 0.1;

/** Calls `round` again and again, every `periodMs` give or take a tenth, until disposed. */
export class SyncLoop implements Disposable {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #round: () => void;
  #timer: Disposable | undefined;

  constructor(clock: Clock, periodMs: number, round: () => void) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#round = round;
  }

  start(): void {
    const factor = 1 - JITTER + 2 * JITTER * Math.random();
    this.#timer = this.#clock.after(this.#periodMs * factor, () => {
      this.start();
      this.#round();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}

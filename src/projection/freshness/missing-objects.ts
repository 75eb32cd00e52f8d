import type { Clock } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { type Backoff, retry, Wakeup } from '../../base/retry.ts';
import type { ObjectRef } from '../../objects/object.ts';
import type { Source } from '../../stores/store.ts';
import { Following } from './freshness.ts';

/** The arrival of a missing object ends the pause early. */
const BACKOFF: Backoff = { firstMs: 250, maxMs: 10_000, jitter: 0.2 };

type Wait = {
  readonly source: Source;
  readonly clock: Clock;
  /** Called with the error's message whenever other objects are missing than before. */
  readonly onMissing: (message: string) => void;
};

/**
 * Repeats `attempt` while it fails with MISSING_OBJECTS. It calls `follow` with the objects it needs; their changes
 * start the next attempt. After an abort the last such error is thrown, which names what is missing.
 */
export async function whileObjectsAreMissing<T>(
  attempt: (follow: (refs: readonly ObjectRef[]) => void) => Promise<T>,
  { source, clock, onMissing }: Wait,
  signal: AbortSignal,
): Promise<T> {
  const arrival = new Wakeup();
  using following = new Following(source, () => arrival.ring());
  let reported: string | undefined;
  return await retry(() => attempt((refs) => following.follow(refs)), {
    clock: { sleep: (ms, until) => arrival.wait(ms, clock, until) },
    signal,
    backoff: BACKOFF,
    isTransient: (error) => {
      if (!(error instanceof LanternError) || error.reason !== 'MISSING_OBJECTS') return false;
      if (reported !== error.message) onMissing(error.message);
      reported = error.message;
      return true;
    },
  });
}

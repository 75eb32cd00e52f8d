import type { Clock } from './clock.ts';

/** Delays for the attempts of one retry loop, in milliseconds: doubling from `first` up to `most`, each with jitter. */
export type Backoff = { readonly firstMs: number; readonly mostMs: number; readonly jitter: number };

export function* delays(backoff: Backoff, random: () => number = Math.random): Generator<number, never> {
  for (let delay = backoff.firstMs; ; delay = Math.min(backoff.mostMs, delay * 2)) {
    yield delay * (1 - backoff.jitter * random());
  }
}

/**
 * Runs `attempt` until it succeeds, `isPassing` says that its error will not pass, or the signal aborts. After an
 * abort the last error that could have passed is thrown rather than the bare abort: it says what stood in the way.
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  options: {
    clock: Pick<Clock, 'sleep'>;
    signal: AbortSignal;
    backoff: Backoff;
    isPassing: (error: unknown) => boolean;
  },
): Promise<T> {
  const waits = delays(options.backoff);
  let passing: { readonly error: unknown } | undefined;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (options.isPassing(error)) passing = { error };
      if (options.signal.aborted) throw (passing ?? { error }).error;
      if (passing?.error !== error) throw error;
      try {
        await options.clock.sleep(waits.next().value, options.signal);
      } catch {
        throw error;
      }
    }
  }
}

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

/** A pause that may end early. A ring while nobody waits is kept for the next wait. */
export class Wakeup {
  #isRung = false;
  #wake: () => void = () => {};

  ring(): void {
    this.#isRung = true;
    this.#wake();
  }

  /** Resolves at the ring, or after `ms`; rejects with the signal's reason when it aborts first. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const rung = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    signal.throwIfAborted();
    if (!this.#isRung) {
      // The pause that lost the race must not stay behind as a timer and a listener.
      const over = new AbortController();
      try {
        await Promise.race([rung, clock.sleep(ms, AbortSignal.any([signal, over.signal]))]);
      } finally {
        over.abort();
      }
    }
    this.#isRung = false;
  }
}

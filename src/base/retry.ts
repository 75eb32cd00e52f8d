import type { Clock } from './clock.ts';

/** Delays between attempts double from `firstMs` to `maxMs`; each is shortened by up to the fraction `jitter`. */
export type Backoff = { readonly firstMs: number; readonly maxMs: number; readonly jitter: number };

export function* delays(backoff: Backoff, random: () => number = Math.random): Generator<number, never> {
  for (let delay = backoff.firstMs; ; delay = Math.min(backoff.maxMs, delay * 2)) {
    yield delay * (1 - backoff.jitter * random());
  }
}

/** Retries transient errors. After an abort the last transient error is thrown, because it names the obstacle. */
export async function retry<T>(
  attempt: () => Promise<T>,
  options: {
    clock: Pick<Clock, 'sleep'>;
    signal: AbortSignal;
    backoff: Backoff;
    isTransient: (error: unknown) => boolean;
  },
): Promise<T> {
  const waits = delays(options.backoff);
  let transient: { readonly error: unknown } | undefined;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (options.isTransient(error)) transient = { error };
      if (options.signal.aborted) throw (transient ?? { error }).error;
      if (transient?.error !== error) throw error;
      try {
        await options.clock.sleep(waits.next().value, options.signal);
      } catch {
        throw error;
      }
    }
  }
}

/** A pause that can be ended early. A ring without a waiter ends the next wait. */
export class Wakeup {
  #isRung = false;
  #wake: () => void = () => {};

  ring(): void {
    this.#isRung = true;
    this.#wake();
  }

  /** Rejects with the signal's reason if it aborts first. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const rung = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    signal.throwIfAborted();
    if (!this.#isRung) {
      // Removes the timer and the listener of a pause that lost the race.
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

import type { Clock } from './clock.ts';

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

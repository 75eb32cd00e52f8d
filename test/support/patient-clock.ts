import { ManualClock } from './manual-clock.ts';

/**
 * For code that debounces real events: timers shorter than `patienceMs` fire by themselves at the next turn of the
 * event loop; longer ones wait until the test advances the clock, and the test can wait for one to be set.
 */
export class PatientClock extends ManualClock {
  readonly #patienceMs: number;
  #onLongTimer: () => void = () => {};

  constructor(patienceMs = 1_000) {
    super();
    this.#patienceMs = patienceMs;
  }

  override after(ms: number, action: () => void): Disposable {
    if (ms < this.#patienceMs) {
      const turn = setImmediate(action);
      return { [Symbol.dispose]: () => clearImmediate(turn) };
    }
    const timer = super.after(ms, action);
    this.#onLongTimer();
    return timer;
  }

  /** Resolves as soon as a long timer waits. */
  async longTimer(): Promise<void> {
    while (this.pending === 0) {
      await new Promise<void>((resolve) => {
        this.#onLongTimer = resolve;
      });
    }
  }
}

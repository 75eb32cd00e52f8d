import type { Clock } from '../../../src/base/clock.ts';

type Timer = { readonly due: number; readonly action: () => void };

/** A clock that the test advances; timers that fall due run in order. */
export class ManualClock implements Clock {
  #now: number;
  #timers: Timer[] = [];

  constructor(start = Date.UTC(2026, 10, 23, 19, 24, 8)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.after(ms, resolve);
      signal.addEventListener(
        'abort',
        () => {
          timer[Symbol.dispose]();
          reject(signal.reason);
        },
        { once: true },
      );
    });
  }

  after(ms: number, action: () => void): Disposable {
    const timer = { due: this.#now + ms, action };
    this.#timers.push(timer);
    return {
      [Symbol.dispose]: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.due <= until).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.due);
      next.action();
    }
    this.#now = until;
  }
}

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

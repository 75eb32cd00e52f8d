import type { Clock } from '../base/clock.ts';

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

import type { Clock } from '../base/clock.ts';

/**
 * The clock that the writers of one volume name generations by. It stands still between writes, so that one payload's
 * generation has the same name in every target, whenever the target came.
 */
export class StampClock implements Clock {
  readonly #clock: Clock;
  #stamp: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#stamp = Math.trunc(clock.now());
  }

  /** A new payload is about to be written. */
  tick(): void {
    this.#stamp = Math.max(this.#stamp + 1, Math.trunc(this.#clock.now()));
  }

  now(): number {
    return this.#stamp;
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }

  after(ms: number, action: () => void): Disposable {
    return this.#clock.after(ms, action);
  }
}

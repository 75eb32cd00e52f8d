import type { Clock } from '../base/clock.ts';

/**
 * The clock that the writers of one volume name generations by. It stands still between writes, so that one payload's
 * generation has the same name in every target, whenever the target came.
 */
export class StampClock implements Clock {
  /** The one that goes on. */
  readonly real: Clock;
  #stamp: number;

  constructor(clock: Clock) {
    this.real = clock;
    this.#stamp = Math.trunc(clock.now());
  }

  /** A new payload is about to be written. */
  tick(): void {
    this.#stamp = Math.max(this.#stamp + 1, Math.trunc(this.real.now()));
  }

  now(): number {
    return this.#stamp;
  }

  monotonic(): number {
    return this.real.monotonic();
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.real.sleep(ms, signal);
  }

  after(ms: number, action: () => void): Disposable {
    return this.real.after(ms, action);
  }
}

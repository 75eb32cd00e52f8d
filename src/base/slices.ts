import type { Clock } from './clock.ts';

/** Work may hold the event loop this long, in milliseconds. */
const SLICE_MS = 5;

/** Lets the event loop serve others now and then: many workers share one slice of time, and one turn between slices. */
export class Slices {
  readonly #clock: Clock;
  #end = 0;
  #turn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves at once within a slice, else at the event loop's next turn. */
  async next(): Promise<void> {
    while (this.#clock.monotonic() >= this.#end) await this.#nextTurn();
  }

  #nextTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        this.#end = this.#clock.monotonic() + SLICE_MS;
        resolve();
      });
    });
    return this.#turn;
  }
}

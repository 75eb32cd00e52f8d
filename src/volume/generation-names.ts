import type { Clock } from '../base/clock.ts';
import { generationName, NAMES_PER_MILLISECOND } from './layout.ts';

/**
 * Gives out names that this process has not given out before, however fast and wherever the clock goes: a reader that
 * resolved `..data` must never find another payload below the same name.
 */
export class GenerationNames {
  readonly #clock: Clock;
  #milliseconds = Number.NEGATIVE_INFINITY;
  #nth = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A name that is not in `taken`, which holds what earlier processes left. */
  next(taken: ReadonlySet<string>): string {
    for (;;) {
      this.#advance();
      const name = generationName(this.#milliseconds, this.#nth);
      if (!taken.has(name)) return name;
    }
  }

  #advance(): void {
    const now = Math.trunc(this.#clock.now());
    if (now > this.#milliseconds) {
      this.#milliseconds = now;
      this.#nth = 0;
    } else if (++this.#nth === NAMES_PER_MILLISECOND) {
      this.#milliseconds++;
      this.#nth = 0;
    }
  }
}

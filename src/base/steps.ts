import type { Clock } from './clock.ts';

/**
 * Work cut where others may have a turn: one `yield` for each place where it may be left for a while. Nothing happens
 * until somebody runs it, all at once (`finish`) or in slices of time (`Slices.run`).
 */
export type Steps<T> = Generator<void, T, void>;

/** What is done when the call returns where it was little work, and otherwise when the promise resolves. */
export type Awaitable<T> = T | Promise<T>;

/** The same work, which stops where `check` throws: it is asked after each pause, when much may have happened meanwhile. */
export function* guarded<T>(steps: Steps<T>, check: () => void): Steps<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    yield;
    check();
  }
}

/** Work that is not cut. */
export function* inOneStep<T>(action: () => T): Steps<T> {
  yield;
  return action();
}

/** Runs the work to its end, whoever waits. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

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

  /** Runs the work: at once as far as one slice reaches, and what is left of it at the event loop's next turns. */
  run<T>(steps: Steps<T>): Awaitable<T> {
    const step = this.#runUntil(this.#clock.monotonic() + SLICE_MS, steps);
    return step.done === true ? step.value : this.#goOn(steps);
  }

  async #goOn<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      await this.next();
      const step = this.#runUntil(this.#end, steps);
      if (step.done === true) return step.value;
    }
  }

  #runUntil<T>(end: number, steps: Steps<T>): IteratorResult<void, T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true || this.#clock.monotonic() >= end) return step;
    }
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

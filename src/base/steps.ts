import type { Clock } from './clock.ts';

/**
 * Work that can be interrupted at each `yield`. Nothing happens until it is run, at once (`finish`) or in slices of time
 * (`Slices.run`).
 */
export type Steps<T> = Generator<void, T, void>;

/** The result of work: at once if it was short, otherwise as a promise. */
export type Awaitable<T> = T | Promise<T>;

/** The same work, with `check` called after each interruption; it throws to end the work. */
export function* guarded<T>(steps: Steps<T>, check: () => void): Steps<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    yield;
    check();
  }
}

/** Work without interruptions. */
export function* inOneStep<T>(action: () => T): Steps<T> {
  yield;
  return action();
}

/** Runs the work to its end without interruption. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The time for which work may block the event loop, in milliseconds. */
const SLICE_MS = 5;

/** Shares slices of time among all workers; the event loop serves others between slices. */
export class Slices {
  readonly #clock: Clock;
  #end = 0;
  #turn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves at once within a slice, otherwise at the event loop's next turn. */
  async next(): Promise<void> {
    while (this.#clock.monotonic() >= this.#end) await this.#nextTurn();
  }

  /** Runs the work: one slice at once, the rest in later turns of the event loop. */
  run<T>(steps: Steps<T>): Awaitable<T> {
    const step = this.#runUntil(this.#clock.monotonic() + SLICE_MS, steps);
    return step.done === true ? step.value : this.#continue(steps);
  }

  async #continue<T>(steps: Steps<T>): Promise<T> {
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

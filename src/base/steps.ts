import type { Clock } from './clock.ts';

/** Work that can pause at each `yield`. It runs at once (`finish`) or in slices of time (`Slices.run`). */
export type Steps<T> = Generator<void, T, void>;

/** A plain value if the work was short. */
export type Awaitable<T> = T | Promise<T>;

/** Calls `check` after each pause; `check` throws to end the work. */
export function* guarded<T>(steps: Steps<T>, check: () => void): Steps<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    yield;
    check();
  }
}

export function* inOneStep<T>(action: () => T): Steps<T> {
  yield;
  return action();
}

export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Milliseconds for which work may block the event loop. An answer to a call takes several turns of it. */
export const SLICE_MS = 2;

/** Shares slices of time among all workers; the event loop serves others between slices. */
export class Slices {
  readonly #clock: Clock;
  #end = 0;
  /** In order of arrival. */
  readonly #waiting: (() => void)[] = [];
  #isServing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves in turn, within a slice. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#isServing) return;
      this.#isServing = true;
      process.nextTick(this.#serve);
    });
  }

  /** Runs one slice at once, and the rest in later turns of the event loop. */
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

  readonly #serve = (): void => {
    if (this.#waiting.length === 0) this.#isServing = false;
    else if (this.#clock.monotonic() < this.#end) this.#serveOne();
    else {
      setImmediate(() => {
        this.#end = this.#clock.monotonic() + SLICE_MS;
        this.#serveOne();
      });
    }
  };

  #serveOne(): void {
    this.#waiting.shift()?.();
    // The next one is served after all that this one does without waiting.
    queueMicrotask(() => process.nextTick(this.#serve));
  }
}

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

/** How many small units of work, such as a system call on memory, go between two pauses. */
export const UNITS_A_STEP = 16;

/** Says when work of many small parts is to pause: through nested steps, a pause costs most of a microsecond. */
export class Pace {
  #left = UNITS_A_STEP;

  /** True if a pause is due after so many more units. */
  isDue(units = 1): boolean {
    this.#left -= units;
    if (this.#left > 0) return false;
    this.#left = UNITS_A_STEP;
    return true;
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

/** Milliseconds for which work that nobody waits for gives way to the rest. */
export const PATIENCE_MS = 5_000;

/** Shares slices of time among all workers; the event loop serves others between slices. */
export class Slices {
  readonly #clock: Clock;
  #end = 0;
  /** In order of arrival. */
  readonly #waiting: (() => void)[] = [];
  /** False as long as somebody began in this turn of the event loop, or waits for the next one. */
  #isFree = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Lets the caller go on at once if nobody else did in this turn of the event loop, otherwise in order of arrival. */
  next(): Awaitable<void> {
    if (!this.#isFree) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#isFree = false;
    this.#end = this.#clock.monotonic() + SLICE_MS;
    setImmediate(this.#turn);
  }

  /** Runs one slice at once, and the rest in later turns of the event loop. */
  run<T>(steps: Steps<T>): Awaitable<T> {
    const step = this.#runUntil(this.#clock.monotonic() + SLICE_MS, steps);
    return step.done === true ? step.value : this.#continue(steps);
  }

  /**
   * As `run`, for work that nobody waits for: it begins when nobody else wants a slice, as soon as it is urgent, or
   * after `PATIENCE_MS`.
   */
  runLast<T>(steps: Steps<T>, isUrgent: () => boolean = () => false): Awaitable<T> {
    return this.#waiting.length === 0 || isUrgent() ? this.run(steps) : this.#runLater(steps, isUrgent);
  }

  async #runLater<T>(steps: Steps<T>, isUrgent: () => boolean): Promise<T> {
    const end = this.#clock.monotonic() + PATIENCE_MS;
    while (this.#waiting.length > 0 && !isUrgent() && this.#clock.monotonic() < end) await this.next();
    return await this.run(steps);
  }

  async #continue<T>(steps: Steps<T>): Promise<T> {
    // The first slice was this turn's.
    if (this.#isFree) void this.next();
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

  readonly #turn = (): void => {
    this.#isFree = this.#waiting.length === 0;
    if (this.#isFree) return;
    this.#end = this.#clock.monotonic() + SLICE_MS;
    this.#serve(true);
  };

  readonly #serve = (isFirst?: true): void => {
    const next = isFirst || this.#clock.monotonic() < this.#end ? this.#waiting.shift() : undefined;
    if (next === undefined) setImmediate(this.#turn);
    else {
      next();
      // The next one is served after all that this one does without waiting.
      queueMicrotask(() => process.nextTick(this.#serve));
    }
  };
}

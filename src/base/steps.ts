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

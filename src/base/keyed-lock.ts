import { setMaxListeners } from 'node:events';

/**
 * One queue per key: holders of the same key run one after the other, in the order they asked; different keys do not
 * meet. A waiter whose signal aborts leaves the queue with the signal's reason, without having run.
 */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(key: string, signal: AbortSignal, action: () => Promise<T> | T): Promise<T> {
    const before = this.#tails.get(key);
    let release = () => {};
    const done = new Promise<void>((resolve) => {
      release = resolve;
    });
    const tail = before === undefined ? done : before.then(() => done);
    this.#tails.set(key, tail);
    // Not in `finally`: a waiter that gives up is the tail still, and whoever comes next must wait for the holder.
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    try {
      if (before !== undefined) await abortable(before, signal);
      signal.throwIfAborted();
      return await action();
    } finally {
      release();
    }
  }
}

/** The promise's outcome, or the signal's reason when that comes first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    // Many waits share the signal of one call, and each stops listening at its end: no leak to be warned of.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

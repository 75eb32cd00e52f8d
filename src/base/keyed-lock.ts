import { setMaxListeners } from 'node:events';

/**
 * Actions under the same key run one after the other, in the order of the requests. A waiter whose signal aborts leaves
 * the queue and rejects with the signal's reason.
 */
export class KeyedLock {
  /** The held keys, each with its waiters in order of arrival. */
  readonly #held = new Map<string, Set<() => void>>();

  /** The number of keys held. */
  get size(): number {
    return this.#held.size;
  }

  async run<T>(key: string, signal: AbortSignal, action: () => Promise<T> | T): Promise<T> {
    const waiters = this.#held.get(key);
    if (waiters === undefined) this.#held.set(key, new Set());
    else await takeTurn(waiters, signal);
    try {
      signal.throwIfAborted();
      return await action();
    } finally {
      const [next] = this.#held.get(key) ?? [];
      if (next === undefined) this.#held.delete(key);
      else next();
    }
  }
}

/** Resolves when the holder hands the lock over. Later arrivals cannot overtake. */
function takeTurn(waiters: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const enter = () => {
      waiters.delete(enter);
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const leave = () => {
      waiters.delete(enter);
      reject(signal.reason);
    };
    waiters.add(enter);
    // Not a leak: many waits share the signal of one call.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
}

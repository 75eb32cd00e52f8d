import { setMaxListeners } from 'node:events';

/**
 * One queue per key: actions under the same key run one after the other, in the order they were requested; different
 * keys do not wait for each other. A waiter whose signal aborts leaves the queue and rejects with the signal's reason.
 */
export class KeyedLock {
  /** The keys that are held, each with those who wait for it, first come first. */
  readonly #held = new Map<string, Set<() => void>>();

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

/** Resolves when the holder hands the lock over; until then nobody who comes later gets past. */
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
    // Many waits share the signal of one call.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
}

import { setTimeout as delay } from 'node:timers/promises';

/** Time, injected so that tests never sleep. */
export interface Clock {
  /** Milliseconds since 1970 UTC, for timestamps people read. */
  now(): number;
  /** Milliseconds from an arbitrary start, with fractions; never goes back. For durations. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. Does not keep the process alive. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `action` once after `ms`, however long that is, unless disposed first. Does not keep the process alive. */
  after(ms: number, action: () => void): Disposable;
}

/** The longest that a timer of Node takes, in milliseconds: a longer one fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    await delay(ms, undefined, { signal, ref: false });
  },
  after(ms, action) {
    const begin = (left: number): NodeJS.Timeout => {
      if (left <= LONGEST_MS) return setTimeout(action, left).unref();
      return setTimeout(() => {
        timer = begin(left - LONGEST_MS);
      }, LONGEST_MS).unref();
    };
    let timer = begin(ms);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

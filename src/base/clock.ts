import { setTimeout as delay } from 'node:timers/promises';

/** Time, injected so that tests never sleep. */
export interface Clock {
  /** Milliseconds since 1970 UTC, for timestamps people read. */
  now(): number;
  /** Milliseconds from an arbitrary start, with fractions; never goes back. For durations. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. Does not keep the process alive. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `action` once after `ms` unless disposed first. Does not keep the process alive. */
  after(ms: number, action: () => void): Disposable;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    await delay(ms, undefined, { signal, ref: false });
  },
  after(ms, action) {
    const timer = setTimeout(action, ms).unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

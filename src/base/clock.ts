import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { faulty, type Parsed, parsed } from './parsed.ts';

/** Time, injected so that tests do not sleep. */
export interface Clock {
  /** Milliseconds since 1970 UTC, for timestamps people read. */
  now(): number;
  /** Milliseconds since an arbitrary start, with fractions; never decreases. For durations. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason if it aborts first. Does not keep the process alive. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `action` once after `ms`, of any length, unless disposed first. Does not keep the process alive. */
  after(ms: number, action: () => void): Disposable;
}

/** Node fires a longer timer at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    await delay(ms, undefined, { signal, ref: false });
  },
  after(ms, action) {
    if (ms > MAX_TIMER_MS) return new LongTimer(ms, action);
    const timer = setTimeout(action, ms).unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** A timer longer than Node's, as a chain of them. */
class LongTimer implements Disposable {
  #timer: Disposable;

  constructor(ms: number, action: () => void) {
    this.#timer = systemClock.after(MAX_TIMER_MS, () => {
      this.#timer = systemClock.after(ms - MAX_TIMER_MS, action);
    });
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}

/** The promise's outcome, or the signal's reason if it aborts first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    // Many waits share the signal of one call, and each stops listening at its end: this is not a leak.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * The outcome of `action`, which gets a signal of its own. Rejects with `late()` after `ms`, or with `signal`'s reason
 * if it aborts first, even if the action ignores its signal.
 */
export async function withDeadline<T>(
  { clock, ms, late }: { readonly clock: Clock; readonly ms: number; readonly late: () => Error },
  signal: AbortSignal,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Not AbortSignal.any: a long-lived signal keeps every signal derived from it.
  const controller = new AbortController();
  // As in `abortable`.
  setMaxListeners(0, signal);
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const timer = clock.after(ms, () => controller.abort(late()));
  try {
    return await abortable(action(controller.signal), controller.signal);
  } finally {
    timer[Symbol.dispose]();
    signal.removeEventListener('abort', onAbort);
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration in the notation of Go and kubectl (`30s`, `1m30s`, `500ms`), in milliseconds. */
export function parseDuration(text: string, field: string): Parsed<number> {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    return faulty([{ field, message: 'must be a duration such as 30s, 1m30s or 500ms' }]);
  }
  return parsed(parts.reduce((total, [, amount, unit]) => total + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0));
}

import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { faulty, type Parsed, parsed } from './parsed.ts';

/** Injected so that tests do not sleep. */
export interface Clock {
  /** Milliseconds since 1970 UTC. */
  now(): number;
  /** Milliseconds since an arbitrary start, with fractions. Never decreases. */
  monotonic(): number;
  /** Rejects with the signal's reason if it aborts first. Does not keep the process alive. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** `ms` has no upper limit. Does not keep the process alive. */
  after(ms: number, action: () => void): Disposable;
}

/** Node fires a longer timer at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not `performance`, of which Node loads the module at its first use.
  monotonic: () => Number(process.hrtime.bigint()) / 1e6,
  async sleep(ms, signal) {
    await delay(ms, undefined, { signal, ref: false });
  },
  after(ms, action) {
    if (ms > MAX_TIMER_MS) return new LongTimer(ms, action);
    const timer = setTimeout(action, ms).unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

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
    // Not a leak: many waits share the signal of one call, and each stops listening at its end.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Rejects with `late()` after `ms`, or with the reason of `signal`, even if the action ignores the signal it gets. */
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

/** Parses the notation of Go and kubectl (`30s`, `1m30s`, `500ms`) to milliseconds. */
export function parseDuration(text: string, field: string): Parsed<number> {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    return faulty([{ field, message: 'must be a duration such as 30s, 1m30s or 500ms' }]);
  }
  return parsed(parts.reduce((total, [, amount, unit]) => total + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0));
}

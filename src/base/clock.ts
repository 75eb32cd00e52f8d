import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { abortable } from './keyed-lock.ts';
import { faulty, type Parsed, parsed } from './parsed.ts';

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

/**
 * Waits for `action` at most `ms`, then rejects with what `late` says, whether or not the action heeds the signal it is
 * given. Rejects with `signal`'s reason when that aborts first.
 */
export async function withDeadline<T>(
  { clock, ms, late }: { readonly clock: Clock; readonly ms: number; readonly late: () => Error },
  signal: AbortSignal,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // By hand: a long-lived signal remembers everything that AbortSignal.any made of it.
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

/** Milliseconds of a duration as Go and kubectl write it: `30s`, `1m30s`, `500ms`. */
export function parseDuration(text: string, field: string): Parsed<number> {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    return faulty([{ field, message: 'write it like 30s, 1m30s or 500ms' }]);
  }
  return parsed(parts.reduce((total, [, amount, unit]) => total + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0));
}

import { setMaxListeners } from 'node:events';
import type { Clock } from './clock.ts';
import { abortable } from './keyed-lock.ts';

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

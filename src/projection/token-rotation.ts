import type { Clock } from '../base/clock.ts';
import { type Backoff, delays } from '../base/retry.ts';
import type { HeldToken } from '../payload/render-inputs.ts';
import type { KeptToken } from '../volume/request-inputs.ts';
import { nextExpiryOf } from './brought-tokens.ts';
import { DAY_MS } from './volume-tokens.ts';

const RETRY: Backoff = { firstMs: 1_000, mostMs: 60_000, jitter: 0.2 };

/** What a volume shows: tokens that the daemon can renew, and those that its request brought. */
type ShownTokens = {
  readonly issued: ReadonlyMap<string, KeptToken>;
  readonly brought: ReadonlyMap<string, HeldToken>;
};

type Plan = { readonly timer: Disposable; readonly waits: Generator<number, never> | undefined };

/**
 * Asks for a volume's refresh when one of its tokens is due, with back-off while it cannot be renewed, and when one expires:
 * the volume must say so then.
 */
export class TokenRotation implements Disposable {
  readonly #clock: Clock;
  readonly #request: (key: string) => void;
  readonly #plans = new Map<string, Plan>();
  #isOver = false;

  constructor(clock: Clock, request: (key: string) => void) {
    this.#clock = clock;
    this.#request = request;
  }

  /** The volume shows these tokens now. Whether they begin to fail: `isFailing`, and at the last time not. */
  plan(key: string, { issued, brought }: ShownTokens, isFailing: boolean): boolean {
    const before = this.#plans.get(key)?.waits;
    this.forget(key);
    if ((issued.size === 0 && brought.size === 0) || this.#isOver) return false;
    const waits = isFailing ? (before ?? delays(RETRY)) : undefined;
    const now = this.#clock.now();
    const moments = [...issued.values()].map(({ renewAt, expiresAt }) => (isFailing ? expiresAt : renewAt));
    const next = Math.min(...moments, nextExpiryOf(brought, now) ?? Number.POSITIVE_INFINITY);
    if (Number.isFinite(next)) {
      // No longer than a day: what a file said after a restart, or a clock that was set, must not make a timer overflow.
      const pause = Math.min(Math.max(next - now, 0), waits?.next().value ?? DAY_MS);
      this.#plans.set(key, { timer: this.#clock.after(pause, () => this.#request(key)), waits });
    }
    return isFailing && before === undefined;
  }

  forget(key: string): void {
    this.#plans.get(key)?.timer[Symbol.dispose]();
    this.#plans.delete(key);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const key of this.#plans.keys()) this.forget(key);
  }
}

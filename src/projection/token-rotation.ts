import type { Clock } from '../base/clock.ts';
import { type Backoff, delays } from '../base/retry.ts';
import type { KeptToken } from '../volume/request-inputs.ts';
import { DAY_MS } from './volume-tokens.ts';

const RETRY: Backoff = { firstMs: 1_000, mostMs: 60_000, jitter: 0.2 };

type Plan = { readonly timer: Disposable; readonly waits: Generator<number, never> | undefined };

/** Asks for a volume's refresh when one of its tokens is due, and with back-off while it cannot be renewed. */
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
  plan(key: string, tokens: ReadonlyMap<string, KeptToken>, isFailing: boolean): boolean {
    const before = this.#plans.get(key)?.waits;
    this.forget(key);
    if (tokens.size === 0 || this.#isOver) return false;
    const waits = isFailing ? (before ?? delays(RETRY)) : undefined;
    const pause = waits === undefined ? this.#untilDue(tokens) : this.#untilExpiry(tokens, waits.next().value);
    const timer = this.#clock.after(pause, () => this.#request(key));
    this.#plans.set(key, { timer, waits });
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

  /** At the latest when one expires: the volume must say so then. */
  #untilExpiry(tokens: ReadonlyMap<string, KeptToken>, pauseMs: number): number {
    const expiry = Math.min(...[...tokens.values()].map(({ expiresAt }) => expiresAt));
    return Math.min(Math.max(expiry - this.#clock.now(), 0), pauseMs);
  }

  /** No longer than a day: what a file said after a restart, or a clock that was set, must not make a timer overflow. */
  #untilDue(tokens: ReadonlyMap<string, KeptToken>): number {
    const due = Math.min(...[...tokens.values()].map(({ renewAt }) => renewAt));
    return Math.min(Math.max(due - this.#clock.now(), 0), DAY_MS);
  }
}

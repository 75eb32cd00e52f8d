import type { Clock } from '../base/clock.ts';
import { LanternError } from '../base/errors.ts';
import type { Pool } from './pool.ts';

/** How long an empty pool waits for the next volume of its domain, in milliseconds. */
export const IDLE_MS = 10_000;
/** Empty pools at most; beyond, the one that waited longest goes. */
export const MOST_IDLE = 8;

/** Empty pools that are kept mounted for a while: making one and taking it away costs more than all else of a mount. */
export class IdlePools implements Disposable {
  readonly #clock: Clock;
  readonly #remove: (pool: Pool) => void;
  /** With what ends their wait; the one that waits longest first. */
  readonly #waiting = new Map<Pool, Disposable>();

  /** `remove` may fail with a LanternError: the pool then stays until its domain's next volume has left it. */
  constructor(clock: Clock, remove: (pool: Pool) => void) {
    this.#clock = clock;
    this.#remove = remove;
  }

  /** The pool is empty: from now on it waits. */
  keep(pool: Pool): void {
    if (this.#waiting.size >= MOST_IDLE) this.removeOldest();
    this.#waiting.set(
      pool,
      this.#clock.after(IDLE_MS, () => this.#end(pool)),
    );
  }

  /** The pool waits no longer, as it is used, or gone. */
  forget(pool: Pool): void {
    this.#waiting.get(pool)?.[Symbol.dispose]();
    this.#waiting.delete(pool);
  }

  /** Makes room for another pool; false when none waits. */
  removeOldest(): boolean {
    for (const pool of this.#waiting.keys()) {
      this.#end(pool);
      return true;
    }
    return false;
  }

  [Symbol.dispose](): void {
    while (this.removeOldest());
  }

  #end(pool: Pool): void {
    this.forget(pool);
    try {
      this.#remove(pool);
    } catch (error) {
      // Nobody's request hangs on it, and it holds nothing.
      if (!(error instanceof LanternError)) throw error;
    }
  }
}

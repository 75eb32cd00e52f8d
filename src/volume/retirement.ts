import type { Clock } from '../base/clock.ts';

/** How long a replaced generation stays, in milliseconds, for readers that had resolved `..data` before. */
export const RETIREMENT_MS = 2_000;

/**
 * Keeps replaced generations until their time is up, and pinned ones until they are unpinned. Pins are counted, and
 * may name generations that are current, or that an earlier process made.
 */
export class Retirement implements Disposable {
  readonly #clock: Clock;
  readonly #remove: (generation: string) => boolean;
  readonly #pins = new Map<string, number>();
  /** Replaced and still on disk, with the timer of those that wait for their time. */
  readonly #replaced = new Map<string, Disposable | undefined>();

  /** `remove` returns false when the generation cannot be removed now; it is tried again by `retireNow`. */
  constructor(clock: Clock, remove: (generation: string) => boolean) {
    this.#clock = clock;
    this.#remove = remove;
  }

  /** Whether a sweep must leave the generation alone. */
  keeps(generation: string): boolean {
    return this.#pins.has(generation) || this.#replaced.has(generation);
  }

  pin(generation: string): void {
    this.#pins.set(generation, (this.#pins.get(generation) ?? 0) + 1);
  }

  /** True when that was the last pin: the caller retires the generation unless it is current. */
  unpin(generation: string): boolean {
    const pins = this.#pins.get(generation) ?? 0;
    if (pins > 1) this.#pins.set(generation, pins - 1);
    else this.#pins.delete(generation);
    return pins === 1;
  }

  /** The generation was replaced. Removed when its time is up, or later when the last pin goes. */
  retire(generation: string): void {
    this.#replaced.get(generation)?.[Symbol.dispose]();
    this.#replaced.set(
      generation,
      this.#clock.after(RETIREMENT_MS, () => this.#removeUnlessPinned(generation)),
    );
  }

  /** Removes at once what is replaced and not pinned; true when something went. */
  retireNow(): boolean {
    let freed = false;
    for (const generation of [...this.#replaced.keys()]) freed = this.#removeUnlessPinned(generation) || freed;
    return freed;
  }

  /** As `retireNow`; no timer runs afterwards. */
  [Symbol.dispose](): void {
    this.retireNow();
  }

  #removeUnlessPinned(generation: string): boolean {
    this.#replaced.get(generation)?.[Symbol.dispose]();
    this.#replaced.set(generation, undefined);
    return !this.#pins.has(generation) && this.#remove(generation) && this.#replaced.delete(generation);
  }
}

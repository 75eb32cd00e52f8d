import type { Clock } from '../base/clock.ts';
import type { Slices } from '../base/slices.ts';
import { finish, type Steps } from '../base/steps.ts';
import type { Retired, RetiredRoom } from './retired-room.ts';

/** How long a replaced generation stays, in milliseconds, for readers that had resolved `..data` before. */
export const RETIREMENT_MS = 2_000;

export type RetirementOptions = {
  readonly clock: Clock;
  readonly slices: Slices;
  readonly room: RetiredRoom;
  /** Returns false when the generation cannot be removed now; it is tried again by `retireNow`. */
  readonly remove: (generation: string) => Steps<boolean>;
};

/** One that was replaced and is still on disk. */
type Replaced = {
  readonly retired: Retired;
  /** Of those that wait for their time. */
  timer: Disposable | undefined;
  /** Of those that are being removed: whoever goes on with it, goes on where the last one stopped. */
  removal: Steps<void> | undefined;
};

/**
 * Keeps replaced generations until their time is up or there are too many bytes of them, and pinned ones until they are
 * unpinned. Pins are counted, and may name generations that are current, or that an earlier process made.
 */
export class Retirement implements Disposable {
  readonly #options: RetirementOptions;
  readonly #pins = new Map<string, number>();
  readonly #replaced = new Map<string, Replaced>();
  /** Replaced last. */
  #last: string | undefined;

  constructor(options: RetirementOptions) {
    this.#options = options;
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

  /**
   * The generation, which takes so many bytes, was replaced. Removed when its time is up or its room is needed, or later
   * when the last pin goes. Without a number: as many as were said before.
   */
  retire(generation: string, bytes?: number): void {
    const before = this.#replaced.get(generation);
    before?.timer?.[Symbol.dispose]();
    if (before !== undefined) this.#options.room.remove(before.retired);
    const retired: Retired = {
      since: this.#options.clock.monotonic(),
      bytes: bytes ?? before?.retired.bytes ?? 0,
      isLast: () => this.#last === generation,
      end: () => this.#end(generation),
    };
    const timer = this.#options.clock.after(RETIREMENT_MS, () => this.#end(generation));
    this.#replaced.set(generation, { retired, timer, removal: before?.removal });
    this.#last = generation;
    if (!this.#pins.has(generation)) this.#options.room.add(retired);
  }

  /** Removes at once what is replaced and not pinned; true when something went. */
  retireNow(): boolean {
    return finish(this.retiringNow());
  }

  *retiringNow(): Steps<boolean> {
    const before = this.#replaced.size;
    for (const generation of [...this.#replaced.keys()]) yield* this.#removing(generation);
    return this.#replaced.size < before;
  }

  /** As `retireNow`; no timer runs afterwards. */
  [Symbol.dispose](): void {
    this.retireNow();
  }

  #end(generation: string): void {
    void this.#options.slices.run(this.#removing(generation));
  }

  *#removing(generation: string): Steps<void> {
    const replaced = this.#replaced.get(generation);
    if (replaced === undefined) return;
    replaced.timer?.[Symbol.dispose]();
    replaced.timer = undefined;
    this.#options.room.remove(replaced.retired);
    if (this.#pins.has(generation)) return;
    replaced.removal ??= this.#removal(generation, replaced);
    while (replaced.removal?.next().done === false) yield;
  }

  *#removal(generation: string, replaced: Replaced): Steps<void> {
    const isRemoved = yield* this.#options.remove(generation);
    replaced.removal = undefined;
    if (isRemoved) this.#replaced.delete(generation);
  }
}

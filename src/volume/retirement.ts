import type { Clock } from '../base/clock.ts';
import { finish, inOneStep, type Slices, type Steps } from '../base/steps.ts';

/** In milliseconds. A replaced generation stays this long for readers that resolved `..data` before the swap. */
export const RETIREMENT_MS = 2_000;

type RetirementOptions = {
  readonly clock: Clock;
  readonly room: RetiredRoom;
  /** Asked before anything is removed. */
  readonly binds: ForeignBinds;
  /** True if a bind that others made of a generation of this name is one of this volume's. */
  readonly isOwnPlace: (place: FileSystemPlace) => boolean;
  /** Returns false if the generation cannot be removed now. `retireNow` and `lookAgain` try again. */
  readonly remove: (generation: string) => Steps<boolean>;
};

type Replaced = {
  readonly retired: Retired;
  /** Runs until the retirement time is over. */
  timer: Disposable | undefined;
  /** True if the time is over, and a look at the mount table for others' binds is pending. */
  isAwaitingLook: boolean;
  /** A removal that has begun. Each caller continues where the one before stopped. */
  removal: Steps<void> | undefined;
};

/**
 * Keeps replaced generations until their time is over or they take too many bytes, pinned ones (also current ones, or
 * an earlier process's) until unpinned, and those that others have bound until a look finds no bind.
 */
export class Retirement implements Disposable {
  readonly #options: RetirementOptions;
  readonly #pins = new Map<string, number>();
  readonly #replaced = new Map<string, Replaced>();
  #last: string | undefined;

  constructor(options: RetirementOptions) {
    this.#options = options;
  }

  /** The number of generations that stay only because others had bound them at the last look. */
  get boundElsewhere(): number {
    const overdue = [...this.#replaced].filter(([generation, { timer, isAwaitingLook, removal }]) => {
      return timer === undefined && !isAwaitingLook && removal === undefined && !this.#pins.has(generation);
    });
    return overdue.length;
  }

  /** True if a sweep must leave the generation alone. */
  keeps(generation: string): boolean {
    return this.#pins.has(generation) || this.#replaced.has(generation);
  }

  pin(generation: string): void {
    this.#pins.set(generation, (this.#pins.get(generation) ?? 0) + 1);
  }

  /** Returns true for the last pin: the caller retires the generation unless it is current. */
  unpin(generation: string): boolean {
    const pins = this.#pins.get(generation) ?? 0;
    if (pins > 1) this.#pins.set(generation, pins - 1);
    else this.#pins.delete(generation);
    return pins === 1;
  }

  /**
   * Notes that the generation was replaced. It is removed when its time is over or its room is needed, or later, with
   * its last pin or bind. The default of `bytes` is the number given before.
   */
  retire(generation: string, bytes?: number): void {
    const before = this.#replaced.get(generation);
    if (before !== undefined) this.#stopCounting(before);
    const replaced = this.#add(generation, bytes ?? before?.retired.bytes ?? 0, before?.removal);
    replaced.timer = this.#options.clock.after(RETIREMENT_MS, () => this.#end(generation));
    this.#last = generation;
    if (!this.#pins.has(generation)) this.#options.room.add(replaced.retired);
  }

  /** Selects an earlier process's generations to remove. Bound ones stay; all do if the mount table is unreadable. */
  *sparing(generations: readonly string[]): Steps<readonly string[]> {
    if (generations.length === 0) return [];
    const isKnown = yield* this.#options.binds.looking();
    return generations.filter((generation) => {
      const isFree = isKnown && !this.#isBound(generation);
      if (!isFree) this.#add(generation, 0, undefined);
      return isFree;
    });
  }

  /** Looks again at generations whose time is over and that others had bound. */
  lookAgain(): void {
    for (const [generation, { timer, removal }] of this.#replaced) {
      if (timer === undefined && removal === undefined) this.#end(generation);
    }
  }

  /** Removes at once what is replaced, not pinned and not bound by others. True if something was removed. */
  retireNow(): boolean {
    return finish(this.retiringNow());
  }

  *retiringNow(): Steps<boolean> {
    const before = this.#replaced.size;
    const ending = [...this.#replaced.keys()].filter((generation) => !this.#pins.has(generation));
    if (ending.length === 0 || !(yield* this.#options.binds.looking())) return false;
    for (const generation of ending) yield* this.#removing(generation);
    return this.#replaced.size < before;
  }

  /** Removes all replaced generations, even shown ones: the whole volume is being removed. */
  *removingAll(): Steps<void> {
    for (const [generation, replaced] of this.#replaced) {
      this.#stopCounting(replaced);
      yield* this.#continueRemoval(generation, replaced);
    }
  }

  /** After this nothing is removed unless asked for. */
  stop(): void {
    for (const replaced of this.#replaced.values()) {
      this.#stopCounting(replaced);
      // A pending look then does nothing.
      replaced.isAwaitingLook = false;
    }
    this.#options.room.leave(this);
  }

  [Symbol.dispose](): void {
    this.retireNow();
    this.stop();
  }

  #isBound(generation: string): boolean {
    return this.#options.binds.showAny(generation, this.#options.isOwnPlace);
  }

  #add(generation: string, bytes: number, removal: Steps<void> | undefined): Replaced {
    const retired: Retired = {
      since: this.#options.clock.monotonic(),
      bytes,
      isLast: () => this.#last === generation,
      end: () => this.#end(generation),
    };
    const replaced: Replaced = { retired, timer: undefined, isAwaitingLook: false, removal };
    this.#replaced.set(generation, replaced);
    this.#options.room.enter(this);
    return replaced;
  }

  #stopCounting(replaced: Replaced): void {
    replaced.timer?.[Symbol.dispose]();
    replaced.timer = undefined;
    this.#options.room.remove(replaced.retired);
  }

  #end(generation: string): void {
    const replaced = this.#replaced.get(generation);
    if (replaced === undefined) return;
    this.#stopCounting(replaced);
    if (replaced.isAwaitingLook || this.#pins.has(generation)) return;
    replaced.isAwaitingLook = true;
    this.#options.binds.afterLook(() => this.#removingAfterLook(generation, replaced));
  }

  *#removingAfterLook(generation: string, replaced: Replaced): Steps<void> {
    // It may have been replaced once more, with a new time, or the wait was stopped.
    if (!replaced.isAwaitingLook || this.#replaced.get(generation) !== replaced) return;
    replaced.isAwaitingLook = false;
    yield* this.#removing(generation);
  }

  *#removing(generation: string): Steps<void> {
    const replaced = this.#replaced.get(generation);
    if (replaced === undefined) return;
    this.#stopCounting(replaced);
    const hasBegun = replaced.removal !== undefined;
    if (this.#pins.has(generation) || (!hasBegun && this.#isBound(generation))) return;
    yield* this.#continueRemoval(generation, replaced);
  }

  *#continueRemoval(generation: string, replaced: Replaced): Steps<void> {
    replaced.removal ??= this.#removal(generation, replaced);
    while (replaced.removal?.next().done === false) yield;
  }

  *#removal(generation: string, replaced: Replaced): Steps<void> {
    const isRemoved = yield* this.#options.remove(generation);
    replaced.removal = undefined;
    if (isRemoved) this.#replaced.delete(generation);
    if (this.#replaced.size === 0) this.#options.room.leave(this);
  }
}

/** A directory as the mount table names it: its file system, and its path from the root of that. */
export type FileSystemPlace = { readonly device: string; readonly directory: string };

/** Others' binds of generations, such as a kubelet's for `subPath`. Removing a bound generation empties the bind. */
export interface ForeignBinds {
  /** Runs the work after a look that begins later than this call. It may have to wait for other callers. */
  afterLook(work: () => Steps<void>): void;
  /** Looks now, unless nothing changed since the last look. False if that is impossible: anything may be bound then. */
  looking(): Steps<boolean>;
  /** True if the last look found a bind of this generation, or a part of it, in a directory that is `isOwnPlace`. */
  showAny(generation: string, isOwnPlace: (place: FileSystemPlace) => boolean): boolean;
}

/** For a directory that nobody else binds. */
export function noForeignBinds(slices: Slices): ForeignBinds {
  return {
    afterLook: (work) => void slices.run(work()),
    looking: () => inOneStep(() => true),
    showAny: () => false,
  };
}

type Retired = {
  /** When it was replaced, in milliseconds of the monotonic clock. */
  readonly since: number;
  readonly bytes: number;
  /** True if its volume replaced it last: somebody may have begun to read it a moment ago. */
  readonly isLast: () => boolean;
  /** Ends its time. The room has removed it before. */
  readonly end: () => void;
};

/** The part of a pool that its replaced generations may take together, besides the last one of each volume. */
export const RETIRED_PART = 1 / 16;
/** The same without a pool, for each volume at each target. */
const RETIRED_BYTES = 4 * 1024 * 1024;
/** In milliseconds. Beyond the limit each stays this long for readers. Only a full pool takes its room earlier. */
const MIN_KEPT_MS = 500;

/** Replaced generations share this room. Under hundreds of updates a second the oldest are removed early. */
export class RetiredRoom {
  readonly #limit: number;
  readonly #minKeptMs: number;
  /** Oldest first. */
  readonly #held = new Set<Retired>();
  /** Of the volumes that have replaced generations on disk. */
  readonly #retirements = new Set<Retirement>();
  #bytes = 0;

  /** `limit` in bytes. */
  constructor(limit: number = RETIRED_BYTES, minKeptMs: number = MIN_KEPT_MS) {
    this.#limit = limit;
    this.#minKeptMs = minKeptMs;
  }

  add(retired: Retired): void {
    this.#held.add(retired);
    this.#bytes += retired.bytes;
    for (const oldest of this.#held) {
      if (this.#bytes <= this.#limit || retired.since - oldest.since < this.#minKeptMs) break;
      if (oldest.isLast()) continue;
      this.remove(oldest);
      oldest.end();
    }
  }

  /** Notes that the volume has a replaced generation. */
  enter(retirement: Retirement): void {
    this.#retirements.add(retirement);
  }

  leave(retirement: Retirement): void {
    this.#retirements.delete(retirement);
  }

  /** Removes at once what all volumes have replaced, as a full pool needs. */
  *retiringNow(): Steps<void> {
    for (const retirement of [...this.#retirements]) yield* retirement.retiringNow();
  }

  remove(retired: Retired): void {
    if (this.#held.delete(retired)) this.#bytes -= retired.bytes;
  }
}

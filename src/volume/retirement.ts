import type { Clock } from '../base/clock.ts';
import { finish, inOneStep, type Slices, type Steps } from '../base/steps.ts';

/** In milliseconds. A replaced generation stays this long for readers that resolved `..data` before the swap. */
export const RETIREMENT_MS = 2_000;

type RetirementOptions = {
  /** Shared by the volumes of a publisher. */
  readonly queue: RetirementQueue;
  readonly room: RetiredRoom;
  /** True if a bind that others made of a generation of this name is one of this volume's. */
  readonly isOwnPlace: (place: FileSystemPlace) => boolean;
  /** Returns false if the generation cannot be removed now. `retireNow` and `lookAgain` try again. */
  readonly remove: (generation: string) => Steps<boolean>;
};

type Replaced = {
  readonly retirement: Retirement;
  readonly generation: string;
  readonly bytes: number;
  /** When it was replaced, in milliseconds of the monotonic clock. */
  readonly since: number;
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
  /** Undefined instead of an empty map, here and below: thousands of volumes have nothing to retire. */
  #pins: Map<string, number> | undefined;
  #replaced: Map<string, Replaced> | undefined;
  /** Replaced last: somebody may have begun to read it a moment ago. */
  #last: string | undefined;

  constructor(options: RetirementOptions) {
    this.#options = options;
  }

  /** The number of generations that stay only because others had bound them at the last look. */
  get boundElsewhere(): number {
    const overdue = this.#all().filter((replaced) => {
      const { generation, isAwaitingLook, removal } = replaced;
      return !this.#isTimed(replaced) && !isAwaitingLook && removal === undefined && !this.#isPinned(generation);
    });
    return overdue.length;
  }

  /** True if a sweep must leave the generation alone. */
  keeps(generation: string): boolean {
    return this.#isPinned(generation) || this.#replaced?.has(generation) === true;
  }

  pin(generation: string): void {
    this.#pins ??= new Map();
    this.#pins.set(generation, (this.#pins.get(generation) ?? 0) + 1);
  }

  /** Returns true for the last pin: the caller retires the generation unless it is current. */
  unpin(generation: string): boolean {
    const pins = this.#pins?.get(generation) ?? 0;
    if (pins > 1) this.#pins?.set(generation, pins - 1);
    else this.#pins?.delete(generation);
    if (this.#pins?.size === 0) this.#pins = undefined;
    return pins === 1;
  }

  /**
   * Notes that the generation was replaced. It is removed when its time is over or its room is needed, or later, with
   * its last pin or bind. The default of `bytes` is the number given before.
   */
  retire(generation: string, bytes?: number): void {
    const before = this.#replaced?.get(generation);
    if (before !== undefined) this.#stopCounting(before);
    const { queue, room } = this.#options;
    const superseded = this.#last === undefined ? undefined : this.#replaced?.get(this.#last);
    if (superseded !== undefined) room.supersede(superseded);
    const replaced = this.#add(generation, bytes ?? before?.bytes ?? 0, before?.removal);
    this.#last = generation;
    queue.add(replaced);
    if (!this.#isPinned(generation)) room.add(replaced);
  }

  /** Selects an earlier process's generations to remove. Bound ones stay; all do if the mount table is unreadable. */
  *sparing(generations: readonly string[]): Steps<readonly string[]> {
    if (generations.length === 0) return [];
    const isKnown = yield* this.#options.queue.binds.looking();
    return generations.filter((generation) => {
      const isFree = isKnown && !this.#isBound(generation);
      if (!isFree) this.#add(generation, 0, undefined);
      return isFree;
    });
  }

  /** Looks again at generations whose time is over and that others had bound. */
  lookAgain(): void {
    for (const replaced of this.#all()) {
      if (!this.#isTimed(replaced) && replaced.removal === undefined) this.#options.queue.end([replaced]);
    }
  }

  /** Removes at once what is replaced, not pinned and not bound by others. True if something was removed. */
  retireNow(): boolean {
    return finish(this.retiringNow());
  }

  *retiringNow(): Steps<boolean> {
    const all = this.#all();
    const ending = all.filter(({ generation }) => !this.#isPinned(generation));
    if (ending.length === 0 || !(yield* this.#options.queue.binds.looking())) return false;
    for (const { generation } of ending) yield* this.#removing(generation);
    return this.#all().length < all.length;
  }

  /** Removes all replaced generations, even shown ones: the whole volume is being removed. */
  *removingAll(): Steps<void> {
    for (const replaced of this.#all()) {
      this.#stopCounting(replaced);
      yield* this.#continueRemoval(replaced);
    }
  }

  /** After this nothing is removed unless asked for. */
  stop(): void {
    for (const replaced of this.#all()) {
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

  /** Ends the time of a generation before it is over, as others need its room. */
  endEarly(replaced: Replaced): void {
    this.#options.queue.end([replaced], true);
  }

  /** Notes that the generation's time is over. True if it is to be removed after the next look. */
  ends(replaced: Replaced): boolean {
    const { generation } = replaced;
    if (this.#replaced?.get(generation) !== replaced) return false;
    this.#stopCounting(replaced);
    if (replaced.isAwaitingLook || this.#isPinned(generation)) return false;
    replaced.isAwaitingLook = true;
    return true;
  }

  *removingAfterLook(replaced: Replaced): Steps<void> {
    const { generation } = replaced;
    // It may have been replaced once more, with a new time, or the wait was stopped.
    if (!replaced.isAwaitingLook || this.#replaced?.get(generation) !== replaced) return;
    replaced.isAwaitingLook = false;
    yield* this.#removing(generation);
  }

  #all(): readonly Replaced[] {
    return this.#replaced === undefined ? [] : [...this.#replaced.values()];
  }

  #isPinned(generation: string): boolean {
    return this.#pins?.has(generation) === true;
  }

  #isTimed(replaced: Replaced): boolean {
    return this.#options.queue.has(replaced);
  }

  #isBound(generation: string): boolean {
    return this.#options.queue.binds.showAny(generation, this.#options.isOwnPlace);
  }

  #add(generation: string, bytes: number, removal: Steps<void> | undefined): Replaced {
    const { queue, room } = this.#options;
    const since = queue.now();
    const replaced: Replaced = { retirement: this, generation, bytes, since, isAwaitingLook: false, removal };
    this.#replaced ??= new Map();
    this.#replaced.set(generation, replaced);
    room.enter(this);
    return replaced;
  }

  #stopCounting(replaced: Replaced): void {
    this.#options.queue.remove(replaced);
    this.#options.room.remove(replaced);
  }

  *#removing(generation: string): Steps<void> {
    const replaced = this.#replaced?.get(generation);
    if (replaced === undefined) return;
    this.#stopCounting(replaced);
    const hasBegun = replaced.removal !== undefined;
    if (this.#isPinned(generation) || (!hasBegun && this.#isBound(generation))) return;
    yield* this.#continueRemoval(replaced);
  }

  *#continueRemoval(replaced: Replaced): Steps<void> {
    replaced.removal ??= this.#removal(replaced);
    while (replaced.removal?.next().done === false) yield;
  }

  *#removal(replaced: Replaced): Steps<void> {
    const isRemoved = yield* this.#options.remove(replaced.generation);
    replaced.removal = undefined;
    if (isRemoved) this.#replaced?.delete(replaced.generation);
    if (this.#replaced === undefined || this.#replaced.size > 0) return;
    this.#replaced = undefined;
    this.#options.room.leave(this);
  }
}

/**
 * The replaced generations of a publisher's volumes, in the order in which their time ends: one timer for all, and one
 * request for a look for all that end together.
 */
export class RetirementQueue {
  readonly binds: ForeignBinds;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #waiting = new Set<Replaced>();
  #timer: Disposable | undefined;

  /** `binds` is asked before anything is removed. */
  constructor({ clock, binds }: { readonly clock: Clock; readonly binds: ForeignBinds }) {
    this.#clock = clock;
    this.binds = binds;
  }

  /** Milliseconds of the monotonic clock. */
  now(): number {
    return this.#clock.monotonic();
  }

  has(replaced: Replaced): boolean {
    return this.#waiting.has(replaced);
  }

  add(replaced: Replaced): void {
    this.#waiting.add(replaced);
    this.#timer ??= this.#clock.after(RETIREMENT_MS, this.#endDue);
  }

  remove(replaced: Replaced): void {
    if (!this.#waiting.delete(replaced) || this.#waiting.size > 0) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  end(replaced: readonly Replaced[], isUrgent = false): void {
    const ended = replaced.filter((one) => one.retirement.ends(one));
    if (ended.length > 0) this.binds.afterLook(() => removingEach(ended), isUrgent);
  }

  readonly #endDue = (): void => {
    this.#timer = undefined;
    const now = this.now();
    const due: Replaced[] = [];
    for (const replaced of this.#waiting) {
      const left = replaced.since + RETIREMENT_MS - now;
      if (left > 0) {
        this.#timer = this.#clock.after(Math.ceil(left), this.#endDue);
        break;
      }
      due.push(replaced);
    }
    this.end(due);
  };
}

function* removingEach(all: readonly Replaced[]): Steps<void> {
  for (const replaced of all) yield* replaced.retirement.removingAfterLook(replaced);
}

/** A directory as the mount table names it: its file system, and its path from the root of that. */
export type FileSystemPlace = { readonly device: string; readonly directory: string };

/** Others' binds of generations, such as a kubelet's for `subPath`. Removing a bound generation empties the bind. */
export interface ForeignBinds {
  /** Runs the work after a look that begins later than this call. It gives way to all others, unless it is urgent. */
  afterLook(work: () => Steps<void>, isUrgent: boolean): void;
  /** Looks now, unless nothing changed since the last look. False if that is impossible: anything may be bound then. */
  looking(): Steps<boolean>;
  /** True if the last look found a bind of this generation, or a part of it, in a directory that is `isOwnPlace`. */
  showAny(generation: string, isOwnPlace: (place: FileSystemPlace) => boolean): boolean;
}

/** For a directory that nobody else binds. */
export function noForeignBinds(slices: Slices): ForeignBinds {
  return {
    afterLook: (work, isUrgent) => void slices.runLast(work(), () => isUrgent),
    looking: () => inOneStep(() => true),
    showAny: () => false,
  };
}

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
  readonly #held = new Set<Replaced>();
  /** Those whose volumes have replaced another since, which may end early; the longest superseded first. */
  readonly #superseded = new Set<Replaced>();
  /** Of the volumes that have replaced generations on disk. */
  readonly #retirements = new Set<Retirement>();
  #bytes = 0;

  /** `limit` in bytes. */
  constructor(limit: number = RETIRED_BYTES, minKeptMs: number = MIN_KEPT_MS) {
    this.#limit = limit;
    this.#minKeptMs = minKeptMs;
  }

  add(replaced: Replaced): void {
    this.#held.add(replaced);
    this.#bytes += replaced.bytes;
    for (const oldest of this.#superseded) {
      if (this.#bytes <= this.#limit || replaced.since - oldest.since < this.#minKeptMs) break;
      oldest.retirement.endEarly(oldest);
    }
  }

  /** Notes that it is no more the last one that its volume replaced. */
  supersede(replaced: Replaced): void {
    if (this.#held.has(replaced)) this.#superseded.add(replaced);
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

  remove(replaced: Replaced): void {
    if (!this.#held.delete(replaced)) return;
    this.#superseded.delete(replaced);
    this.#bytes -= replaced.bytes;
  }
}

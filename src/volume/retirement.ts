import type { Clock } from '../base/clock.ts';
import { finish, inOneStep, type Slices, type Steps } from '../base/steps.ts';

/** How long a replaced generation stays, in milliseconds, for readers that had resolved `..data` before. */
export const RETIREMENT_MS = 2_000;

type RetirementOptions = {
  readonly clock: Clock;
  readonly room: RetiredRoom;
  /** Asked before anything is removed, and not while nothing is to be. */
  readonly binds: ForeignBinds;
  /** Returns false when the generation cannot be removed now; it is tried again by `retireNow` and `lookAgain`. */
  readonly remove: (generation: string) => Steps<boolean>;
};

/** One that was replaced and is still on disk. */
type Replaced = {
  readonly retired: Retired;
  /** Of those that wait for their time. */
  timer: Disposable | undefined;
  /** Its time is up, and whether others show it is being asked. */
  isAsked: boolean;
  /** Of those that are being removed: whoever goes on with it, goes on where the last one stopped. */
  removal: Steps<void> | undefined;
};

/**
 * Keeps replaced generations until their time is up or there are too many bytes of them, pinned ones until they are
 * unpinned, and those that others have bound until a look finds them bound no more. Pins are counted, and may name
 * generations that are current, or that an earlier process made.
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

  /** How many stay because others showed them when that was asked last. */
  get boundElsewhere(): number {
    const overdue = [...this.#replaced].filter(([generation, { timer, isAsked, removal }]) => {
      return timer === undefined && !isAsked && removal === undefined && !this.#pins.has(generation);
    });
    return overdue.length;
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
   * when the last pin or bind goes. Without a number: as many as were said before.
   */
  retire(generation: string, bytes?: number): void {
    const before = this.#replaced.get(generation);
    if (before !== undefined) this.#letGo(before);
    const replaced = this.#add(generation, bytes ?? before?.retired.bytes ?? 0, before?.removal);
    replaced.timer = this.#options.clock.after(RETIREMENT_MS, () => this.#end(generation));
    this.#last = generation;
    if (!this.#pins.has(generation)) this.#options.room.add(replaced.retired);
  }

  /**
   * Of generations that an earlier process left, those that may go. Those that others show are kept like replaced ones
   * from now on, and so are all where nobody can say.
   */
  *sparing(generations: readonly string[]): Steps<readonly string[]> {
    if (generations.length === 0) return [];
    const { binds } = this.#options;
    const isKnown = yield* binds.looking();
    return generations.filter((generation) => {
      const isFree = isKnown && !binds.show(generation);
      if (!isFree) this.#add(generation, 0, undefined);
      return isFree;
    });
  }

  /** Asks again about those whose time is up, and which others showed the last time. */
  lookAgain(): void {
    for (const [generation, { timer, removal }] of this.#replaced) {
      if (timer === undefined && removal === undefined) this.#end(generation);
    }
  }

  /** Removes at once what is replaced, not pinned and not shown by others; true when something went. */
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

  /** Removes what is replaced, whoever shows it: the volume goes as a whole. */
  *removingAll(): Steps<void> {
    for (const [generation, replaced] of this.#replaced) {
      this.#letGo(replaced);
      yield* this.#goingOn(generation, replaced);
    }
  }

  /** Nothing is removed any more unless somebody asks for it. */
  stop(): void {
    for (const replaced of this.#replaced.values()) {
      this.#letGo(replaced);
      // Whoever asked for it finds it forgotten.
      replaced.isAsked = false;
    }
  }

  /** As `retireNow`, and then `stop`. */
  [Symbol.dispose](): void {
    this.retireNow();
    this.stop();
  }

  #add(generation: string, bytes: number, removal: Steps<void> | undefined): Replaced {
    const retired: Retired = {
      since: this.#options.clock.monotonic(),
      bytes,
      isLast: () => this.#last === generation,
      end: () => this.#end(generation),
    };
    const replaced: Replaced = { retired, timer: undefined, isAsked: false, removal };
    this.#replaced.set(generation, replaced);
    return replaced;
  }

  /** Neither its time nor its room is counted any more. */
  #letGo(replaced: Replaced): void {
    replaced.timer?.[Symbol.dispose]();
    replaced.timer = undefined;
    this.#options.room.remove(replaced.retired);
  }

  #end(generation: string): void {
    const replaced = this.#replaced.get(generation);
    if (replaced === undefined) return;
    this.#letGo(replaced);
    if (replaced.isAsked || this.#pins.has(generation)) return;
    replaced.isAsked = true;
    this.#options.binds.afterLook(() => this.#answered(generation, replaced));
  }

  *#answered(generation: string, replaced: Replaced): Steps<void> {
    // It may have been replaced once more meanwhile, and has its time then; or nobody wants to know any more.
    if (!replaced.isAsked || this.#replaced.get(generation) !== replaced) return;
    replaced.isAsked = false;
    yield* this.#removing(generation);
  }

  *#removing(generation: string): Steps<void> {
    const replaced = this.#replaced.get(generation);
    if (replaced === undefined) return;
    this.#letGo(replaced);
    const isBegun = replaced.removal !== undefined;
    if (this.#pins.has(generation) || (!isBegun && this.#options.binds.show(generation))) return;
    yield* this.#goingOn(generation, replaced);
  }

  *#goingOn(generation: string, replaced: Replaced): Steps<void> {
    replaced.removal ??= this.#removal(generation, replaced);
    while (replaced.removal?.next().done === false) yield;
  }

  *#removal(generation: string, replaced: Replaced): Steps<void> {
    const isRemoved = yield* this.#options.remove(generation);
    replaced.removal = undefined;
    if (isRemoved) this.#replaced.delete(generation);
  }
}

/**
 * What others show of one volume's generations, as a kubelet's `subPath` does: a directory, or a file, of a generation that
 * was bound elsewhere. A generation that were removed would turn empty there.
 */
export interface ForeignBinds {
  /** Runs the work after a look that begins later than this call; it may have to wait for others that look too. */
  afterLook(work: () => Steps<void>): void;
  /** Looks now, unless nothing can have changed since the last look. False when that is not possible: anything may be shown. */
  looking(): Steps<boolean>;
  /** Whether the last look found the generation, or a part of it, shown. */
  show(generation: string): boolean;
}

/** For a directory that nobody else binds anything of. */
export function noForeignBinds(slices: Slices): ForeignBinds {
  return {
    afterLook: (work) => void slices.run(work()),
    looking: () => inOneStep(() => true),
    show: () => false,
  };
}

/** A replaced generation that is kept for slow readers. */
type Retired = {
  /** When it was replaced, by the monotonic clock, in milliseconds. */
  readonly since: number;
  /** What it takes of the pool. */
  readonly bytes: number;
  /** Whether its volume has replaced none since: those who read it may have begun a moment ago. */
  readonly isLast: () => boolean;
  /** Its time is over now; it is taken out before. */
  readonly end: () => void;
};

/** How much of a pool its replaced generations may hold together, besides the last one of each volume. */
export const RETIRED_PART = 1 / 16;
/** The same where there is no pool, for each volume at each target. */
const RETIRED_BYTES = 4 * 1024 * 1024;
/**
 * How long each is kept beyond that all the same, in milliseconds: readers that resolved `..data` finish, however fast the swaps are. A
 * pool that is full takes the room of these as well.
 */
const LEAST_KEPT_MS = 500;

/**
 * The room that replaced generations have together. Their time is what keeps them; but a volume that is updated hundreds
 * of times a second would fill the pool with them before it is up, so beyond this the oldest go early, though not at once.
 */
export class RetiredRoom {
  readonly #limit: number;
  readonly #leastKeptMs: number;
  /** The oldest first. */
  readonly #held = new Set<Retired>();
  #bytes = 0;

  /** `limit` in bytes. */
  constructor(limit: number = RETIRED_BYTES, leastKeptMs: number = LEAST_KEPT_MS) {
    this.#limit = limit;
    this.#leastKeptMs = leastKeptMs;
  }

  add(retired: Retired): void {
    this.#held.add(retired);
    this.#bytes += retired.bytes;
    for (const oldest of this.#held) {
      if (this.#bytes <= this.#limit || retired.since - oldest.since < this.#leastKeptMs) break;
      if (oldest.isLast()) continue;
      this.remove(oldest);
      oldest.end();
    }
  }

  /** Not in it: nothing happens. */
  remove(retired: Retired): void {
    if (this.#held.delete(retired)) this.#bytes -= retired.bytes;
  }
}

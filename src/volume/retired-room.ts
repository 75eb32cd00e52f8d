/** A replaced generation that is kept for slow readers. */
export type Retired = {
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
export const RETIRED_BYTES = 4 * 1024 * 1024;
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

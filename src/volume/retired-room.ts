/** A replaced generation that is kept for slow readers. */
export type Retired = {
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
 * The room that replaced generations have together. Their time is what keeps them; but a volume that is updated hundreds
 * of times a second would fill the pool with them before it is up, so beyond this the oldest go early.
 */
export class RetiredRoom {
  readonly #limit: number;
  /** The oldest first. */
  readonly #held = new Set<Retired>();
  #bytes = 0;

  /** `limit` in bytes. */
  constructor(limit: number = RETIRED_BYTES) {
    this.#limit = limit;
  }

  add(retired: Retired): void {
    this.#held.add(retired);
    this.#bytes += retired.bytes;
    for (const oldest of this.#held) {
      if (this.#bytes <= this.#limit) break;
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

/** Resets that every session has of its own; streams that were used to their end give them back. */
const OWN = 64;

/** A stream that was reset after this was worth having, in milliseconds: how many of those there are is bounded by how many may be open. */
const WORTH_MS = 1_000;
/** Clients whose user gave up, or whose deadline passed, do not reset a stream this soon after they opened it, in milliseconds. */
const AT_ONCE_MS = 5;
const AT_ONCE_COST = 4;

/**
 * What one session may reset. Opening a stream and resetting it costs its peer next to nothing and this process a call, and no limit of
 * streams that are open applies to it (CVE-2023-44487).
 */
export class ResetAllowance {
  readonly #spendShared: (count: number) => boolean;
  #own = OWN;

  /** `spendShared` takes from what the peer's sessions have together; false when that is spent. */
  constructor(spendShared: (count: number) => boolean) {
    this.#spendShared = spendShared;
  }

  /** A stream was used to its end. */
  used(): void {
    if (this.#own < OWN) this.#own += 1;
  }

  /** A stream was reset by its client; false when that is too much. */
  reset(ageMs: number): boolean {
    if (ageMs >= WORTH_MS) return true;
    const cost = ageMs < AT_ONCE_MS ? AT_ONCE_COST : 1;
    if (this.#own < cost) return this.#spendShared(cost);
    this.#own -= cost;
    return true;
  }
}

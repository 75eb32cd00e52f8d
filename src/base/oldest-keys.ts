/**
 * The keys of a map or set in the order of insertion, for a caller that deletes each. A new iterator would step over
 * all that were deleted at the front: with thousands of keys, that takes longer than all other work on them.
 */
export class OldestKeys<Key> {
  readonly #keyed: { keys(): Iterator<Key> };
  #keys: Iterator<Key>;

  constructor(keyed: { keys(): Iterator<Key> }) {
    this.#keyed = keyed;
    this.#keys = keyed.keys();
  }

  /** The oldest key, which must be deleted before the next call; undefined if there is none. */
  next(): Key | undefined {
    const next = this.#keys.next();
    if (next.done !== true) return next.value;
    // An iterator that has reached the end stays there.
    this.#keys = this.#keyed.keys();
    const first = this.#keys.next();
    return first.done === true ? undefined : first.value;
  }
}

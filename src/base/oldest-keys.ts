/**
 * The keys of a map or set in the order of insertion, for a caller that deletes each. A new iterator would step over
 * all that were deleted at the front: with thousands of keys, that takes longer than all other work on them.
 */
export class OldestKeys<Key> {
  readonly #keyed: { keys(): Iterator<Key> };
  /** Weak: an iterator keeps all tables that the map or set has outgrown since its last step, without a limit. */
  #keys: WeakRef<Iterator<Key>> | undefined;

  constructor(keyed: { keys(): Iterator<Key> }) {
    this.#keyed = keyed;
  }

  /** The oldest key, which must be deleted before the next call; undefined if there is none. */
  next(): Key | undefined {
    const next = (this.#keys?.deref() ?? this.#begin()).next();
    if (next.done !== true) return next.value;
    // An iterator that has reached the end stays there.
    const first = this.#begin().next();
    return first.done === true ? undefined : first.value;
  }

  #begin(): Iterator<Key> {
    const keys = this.#keyed.keys();
    this.#keys = new WeakRef(keys);
    return keys;
  }
}

import { type ObjectRef, refKey } from '../objects/object.ts';
import type { ObjectChange, Source } from '../stores/store.ts';

/** The objects one volume depends on, followed in the source. */
export class Following implements Disposable {
  readonly #source: Source;
  readonly #onChange: (change: ObjectChange) => void;
  readonly #followed = new Map<string, Disposable>();

  constructor(source: Source, onChange: (change: ObjectChange) => void) {
    this.#source = source;
    this.#onChange = onChange;
  }

  /** Follows exactly these from now on; what was followed already goes on without a gap. */
  follow(refs: readonly ObjectRef[]): void {
    const wanted = new Map(refs.map((ref) => [refKey(ref), ref]));
    for (const [key, followed] of this.#followed) {
      if (wanted.has(key)) continue;
      followed[Symbol.dispose]();
      this.#followed.delete(key);
    }
    for (const [key, ref] of wanted) {
      if (!this.#followed.has(key)) this.#followed.set(key, this.#source.follow(ref, this.#onChange));
    }
  }

  [Symbol.dispose](): void {
    this.follow([]);
  }
}

import type { ObjectRef, StoredObject } from '../objects/object.ts';
import type { Source } from './source.ts';

const NOTHING: Disposable = { [Symbol.dispose]: () => {} };

/** Strategy `get`: every read goes to the store, and nothing is followed. A change is seen when somebody reads. */
export class UnfollowedSource implements Source {
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  get storeId(): string {
    return this.#source.storeId;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#source.ready(signal);
  }

  get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#source.get(ref, signal);
  }

  follow(): Disposable {
    return NOTHING;
  }
}

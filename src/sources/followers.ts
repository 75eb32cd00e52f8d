import { type ObjectRef, refKey } from '../objects/object.ts';
import type { ObjectChange } from './source.ts';

type Listener = (change: ObjectChange) => void;

/** Who follows which object. A change costs as much as that object has followers, however many there are of others. */
export class Followers {
  readonly #byKey = new Map<string, Set<{ readonly listener: Listener }>>();

  follow(ref: ObjectRef, listener: Listener): Disposable {
    const key = refKey(ref);
    const follower = { listener };
    const followers = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, followers.add(follower));
    return {
      [Symbol.dispose]: () => {
        followers.delete(follower);
        if (followers.size === 0 && this.#byKey.get(key) === followers) this.#byKey.delete(key);
      },
    };
  }

  /** Tells all who followed when the change came; one that is disposed on the way is not told any more. */
  dispatch(change: ObjectChange): void {
    const followers = this.#byKey.get(refKey(change.ref));
    if (followers === undefined) return;
    for (const follower of [...followers]) {
      if (followers.has(follower)) follower.listener(change);
    }
  }
}

import { type ObjectRef, refKey, type StoredObject } from '../../objects/object.ts';
import type { ObjectChange, ObjectEvent } from '../store.ts';

/** The newest event is always kept. */
export type HistoryLimits = { readonly events: number; readonly bytes: number };

/** The latest changes in order, bounded by number and bytes. All watches share it, each with its own cursor. */
export class ChangeHistory {
  readonly #limits: HistoryLimits;
  /** Events at `#first` and later are kept; the slots before it are empty. */
  #events: (ObjectEvent | undefined)[] = [];
  #first = 0;
  #bytes = 0;
  #floor: number;
  #head: number;

  /** `revision` is that of the state before the first event. */
  constructor(revision: number, limits: HistoryLimits) {
    this.#limits = limits;
    this.#floor = revision;
    this.#head = revision;
  }

  get head(): number {
    return this.#head;
  }

  /** The oldest revision after which every change is still known. */
  get floor(): number {
    return this.#floor;
  }

  /** The event's revision must be higher than `head`. */
  append(event: ObjectEvent): void {
    this.#events.push(event);
    this.#head = event.revision;
    this.#bytes += sizeOf(event.object);
    while (this.#isOverLimit()) this.#dropOldest();
    // Compacting when half of the slots are empty costs a constant per event.
    if (this.#first > 32 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The first event after `revision`, which must not be below `floor`; undefined if there is none yet. */
  after(revision: number): ObjectEvent | undefined {
    if (revision >= this.#head) return undefined;
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events[low];
  }

  #isOverLimit(): boolean {
    const kept = this.#events.length - this.#first;
    return kept > 1 && (kept > this.#limits.events || this.#bytes > this.#limits.bytes);
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#first];
    if (oldest === undefined) return;
    this.#events[this.#first] = undefined;
    this.#first += 1;
    this.#bytes -= sizeOf(oldest.object);
    this.#floor = oldest.revision;
  }
}

/** For names, labels and the event itself. */
const OVERHEAD_BYTES = 512;

/** An estimate of the object's memory. */
function sizeOf(object: StoredObject): number {
  let bytes = OVERHEAD_BYTES;
  for (const text of object.metadata.annotations.values()) bytes += text.length;
  for (const name of object.applied ?? []) bytes += name.length;
  if (object.kind === 'Secret' || object.kind === 'ConfigMap') {
    for (const value of object.data.values()) bytes += value.length;
  }
  if (object.kind === 'ConfigMap') {
    for (const value of object.binaryData.values()) bytes += value.length;
  }
  return bytes;
}

type Listener = (change: ObjectChange) => void;

/** Listeners by object. A change's cost grows with the followers of its object, not with all followers. */
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

  /** Calls every listener that followed at the time of the call, except those disposed meanwhile. */
  dispatch(change: ObjectChange): void {
    const followers = this.#byKey.get(refKey(change.ref));
    if (followers === undefined) return;
    for (const follower of [...followers]) {
      if (followers.has(follower)) follower.listener(change);
    }
  }
}

import { LanternError } from '../../base/errors.ts';
import { type ObjectRef, refKey, refOf, type StoredObject } from '../../objects/object.ts';
import type { ObjectChange, ObjectEvent, WatchFilter } from '../store.ts';

/**
 * How a store tells of its changes: followers of one object are called at once, watches read the history at their own
 * pace. Shared by every store that sees all its changes in one process.
 */
export class ChangeFeed {
  readonly #history: ChangeHistory;
  readonly #followers = new Followers();
  readonly #waiting = new Set<() => void>();

  /** `revision`: the store's revision now. */
  constructor(revision: number, limits: HistoryLimits) {
    this.#history = new ChangeHistory(revision, limits);
  }

  /** The revision of the newest change. */
  get revision(): number {
    return this.#history.head;
  }

  /** The event has happened. `observedAt`: monotonic milliseconds. */
  publish(event: ObjectEvent, observedAt: number): void {
    this.#history.append(event);
    for (const wake of [...this.#waiting]) wake();
    this.#followers.dispatch({ ref: refOf(event.object), type: event.type, revision: event.revision, observedAt });
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.#followers.follow(ref, listener);
  }

  /** See `Store.watch`. The start is fixed by the call, not by the first step of the iteration. */
  watch(filter: WatchFilter, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    return this.#stream(filter, filter.from ?? this.#history.head, signal);
  }

  async *#stream(filter: WatchFilter, from: number, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    this.#requireKnown(from);
    let seen = from;
    while (!signal.aborted) {
      if (seen < this.#history.floor) throw slowReader();
      const event = this.#history.after(seen);
      if (event === undefined) {
        await this.#change(signal);
        continue;
      }
      seen = event.revision;
      if (matches(filter, event)) yield event;
    }
  }

  #requireKnown(from: number): void {
    const { floor, head } = this.#history;
    if (from >= floor && from <= head) return;
    const why = from < floor ? `it is compacted (the oldest kept is ${floor})` : `this store is at ${head}`;
    throw new LanternError(
      'out-of-range',
      `watch objects from revision ${from}: ${why}; list again and watch from there`,
    );
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

function matches(filter: WatchFilter, { object }: ObjectEvent): boolean {
  return (
    (filter.kind === undefined || filter.kind === object.kind) &&
    (filter.namespace === undefined || filter.namespace === object.metadata.namespace)
  );
}

function slowReader(): LanternError {
  return new LanternError(
    'resource-exhausted',
    'watch objects: the reader fell behind the history that is kept; read faster, or list again and watch from there',
  );
}

/** How much history is kept. The newest event is always kept. */
export type HistoryLimits = { readonly events: number; readonly bytes: number };

/**
 * The latest changes, in order, bounded in number and in bytes. Every watch reads it by a cursor of its own, so all
 * watches together hold no more than this.
 */
export class ChangeHistory {
  readonly #limits: HistoryLimits;
  /** Events at `#first` and later are kept; the slots before it are spent. */
  #events: (ObjectEvent | undefined)[] = [];
  #first = 0;
  #bytes = 0;
  #floor: number;
  #head: number;

  /** `revision`: that of the state before the first event. */
  constructor(revision: number, limits: HistoryLimits) {
    this.#limits = limits;
    this.#floor = revision;
    this.#head = revision;
  }

  /** The newest revision. */
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
    // Moving the rest down once as many are spent as kept costs a constant per event.
    if (this.#first > 32 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The first event after `revision`, which must not be below `floor`; undefined when there is none yet. */
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

/** For everything besides values: names, labels, the event itself. */
const OVERHEAD_BYTES = 512;

/** Roughly the memory an object holds, in bytes. */
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

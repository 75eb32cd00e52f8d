import { abortable } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { describeRef, type ObjectRef, refKey, refOf, type StoredObject } from '../../objects/object.ts';
import type { ListFilter, ObjectChange, ObjectEvent, ObjectList, WatchFilter } from '../store.ts';
import { ChangeFeed, type HistoryLimits } from './changes.ts';

/** How many changes a watch can go back at most. */
export const DEFAULT_HISTORY: HistoryLimits = { events: 10_000, bytes: 64 * 1024 * 1024 };

/** The reading side of a store that has all its objects in this process's memory. */
export class KeptObjects {
  readonly #objects: Map<string, StoredObject>;
  readonly #feed: ChangeFeed;
  readonly #ready: Promise<void>;
  #isReady = false;
  #resolveReady: () => void = () => {};

  /** `objects` by `refKey`, taken over; `revision`: the store's now. */
  constructor(objects: Map<string, StoredObject>, revision: number, limits: HistoryLimits) {
    this.#objects = objects;
    this.#feed = new ChangeFeed(revision, limits);
    this.#ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }

  /** The revision of the newest change. */
  get revision(): number {
    return this.#feed.revision;
  }

  /** The object by its `refKey`, whether or not the store is ready. */
  peek(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** What is here from now on is all there is. A repeat does nothing. */
  markReady(): void {
    this.#isReady = true;
    this.#resolveReady();
  }

  ready(signal: AbortSignal): Promise<void> {
    return abortable(this.#ready, signal);
  }

  get(ref: ObjectRef, signal: AbortSignal): StoredObject | undefined {
    signal.throwIfAborted();
    const object = this.#objects.get(refKey(ref));
    if (object === undefined) this.#requireReady(`read ${describeRef(ref)}`);
    return object;
  }

  list(filter: ListFilter, signal: AbortSignal): ObjectList {
    signal.throwIfAborted();
    this.#requireReady(`list objects of kind ${filter.kind}`);
    const objects = [...this.#objects.values()].filter(
      ({ kind, metadata }) =>
        kind === filter.kind && (filter.namespace === undefined || filter.namespace === metadata.namespace),
    );
    return { objects: objects.sort(byNamespaceAndName), revision: this.revision };
  }

  watch(filter: WatchFilter, signal: AbortSignal): AsyncIterable<ObjectEvent> {
    return this.#feed.watch(filter, signal);
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.#feed.follow(ref, listener);
  }

  /** The change has happened: keeps it and tells everybody. `observedAt`: monotonic milliseconds. */
  change(event: ObjectEvent, observedAt: number): void {
    const key = refKey(refOf(event.object));
    if (event.type === 'deleted') this.#objects.delete(key);
    else this.#objects.set(key, event.object);
    this.#feed.publish(event, observedAt);
  }

  #requireReady(what: string): void {
    if (this.#isReady) return;
    throw new LanternError(
      'unavailable',
      `${what}: the store is still being filled, so absence means nothing yet; try again`,
      { reason: 'STORE_UNSYNCED' },
    );
  }
}

/** Names are ASCII, so code units will do. */
export function byNamespaceAndName({ metadata: a }: StoredObject, { metadata: b }: StoredObject): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** The state after the writes of one group that are decided but not yet durable. */
export class PendingChanges {
  readonly events: ObjectEvent[] = [];
  readonly #kept: KeptObjects;
  readonly #latest = new Map<string, StoredObject | undefined>();

  constructor(kept: KeptObjects) {
    this.#kept = kept;
  }

  get revision(): number {
    return this.events.at(-1)?.revision ?? this.#kept.revision;
  }

  get(key: string): StoredObject | undefined {
    return this.#latest.has(key) ? this.#latest.get(key) : this.#kept.peek(key);
  }

  add(event: ObjectEvent): void {
    this.events.push(event);
    this.#latest.set(refKey(refOf(event.object)), event.type === 'deleted' ? undefined : event.object);
  }
}

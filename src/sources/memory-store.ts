import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../base/clock.ts';
import { LanternError } from '../base/errors.ts';
import { abortable } from '../base/keyed-lock.ts';
import { describeRef, type ObjectDraft, type ObjectRef, refKey, refOf, type StoredObject } from '../objects/object.ts';
import { ChangeFeed } from './change-feed.ts';
import { nextState, requireVersion } from './next-state.ts';
import type {
  Applied,
  ApplyOptions,
  ListFilter,
  ObjectChange,
  ObjectEvent,
  ObjectList,
  Store,
  WatchFilter,
} from './source.ts';

export type MemoryStoreOptions = {
  readonly clock?: Clock;
  /** False for a store that is filled first: absence means nothing until `markReady()`. True where left out. */
  readonly ready?: boolean;
  /** How many changes a watch can go back, 10,000 where left out… */
  readonly historyEvents?: number;
  /** …and how many bytes of them, 64 MiB where left out. */
  readonly historyBytes?: number;
};

/**
 * Objects in this process's memory: for one machine whose objects come from manifests or from calls, and for tests.
 *
 * Revisions start at the clock's milliseconds rather than at zero. Those of an earlier process are then lower than any
 * this one knows, so that a watch resumed across a restart is told to list again instead of missing changes.
 */
export class MemoryStore implements Store {
  readonly storeId = randomUUID();
  readonly #clock: Clock;
  readonly #feed: ChangeFeed;
  readonly #objects = new Map<string, StoredObject>();
  readonly #ready: Promise<void>;
  #isReady = false;
  #resolveReady: () => void = () => {};

  constructor(options: MemoryStoreOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#feed = new ChangeFeed(Math.floor(this.#clock.now()), {
      events: options.historyEvents ?? 10_000,
      bytes: options.historyBytes ?? 64 * 1024 * 1024,
    });
    this.#ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    if (options.ready ?? true) this.markReady();
  }

  /** What is here from now on is all there is. A repeat does nothing. */
  markReady(): void {
    this.#isReady = true;
    this.#resolveReady();
  }

  ready(signal: AbortSignal): Promise<void> {
    return abortable(this.#ready, signal);
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    const object = this.#objects.get(refKey(ref));
    if (object === undefined) this.#requireReady(`read ${describeRef(ref)}`);
    return object;
  }

  async apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied> {
    signal.throwIfAborted();
    const key = refKey(refOf(draft));
    const current = this.#objects.get(key);
    const revision = this.#feed.revision + 1;
    const stamp = { resourceVersion: String(revision), now: this.#clock.now(), uid: randomUUID() };
    const applied = nextState(current, draft, options, stamp);
    if (options.dryRun || applied.outcome === 'unchanged') return applied;
    this.#objects.set(key, applied.object);
    this.#publish({ type: current === undefined ? 'added' : 'modified', object: applied.object, revision });
    return applied;
  }

  async delete(
    ref: ObjectRef,
    resourceVersion: string | undefined,
    signal: AbortSignal,
  ): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    const key = refKey(ref);
    const object = this.#objects.get(key);
    requireVersion('delete', ref, object, resourceVersion);
    if (object === undefined) return undefined;
    this.#objects.delete(key);
    this.#publish({ type: 'deleted', object, revision: this.#feed.revision + 1 });
    return object;
  }

  async list(filter: ListFilter, signal: AbortSignal): Promise<ObjectList> {
    signal.throwIfAborted();
    this.#requireReady(`list objects of kind ${filter.kind}`);
    const objects = [...this.#objects.values()].filter(
      ({ kind, metadata }) =>
        kind === filter.kind && (filter.namespace === undefined || filter.namespace === metadata.namespace),
    );
    return { objects: objects.sort(byNamespaceAndName), revision: this.#feed.revision };
  }

  watch(filter: WatchFilter, signal: AbortSignal): AsyncIterable<ObjectEvent> {
    return this.#feed.watch(filter, signal);
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.#feed.follow(ref, listener);
  }

  #requireReady(what: string): void {
    if (this.#isReady) return;
    throw new LanternError(
      'unavailable',
      `${what}: the store is still being filled, so absence means nothing yet; try again`,
      { reason: 'STORE_UNSYNCED' },
    );
  }

  #publish(event: ObjectEvent): void {
    this.#feed.publish(event, this.#clock.monotonic());
  }
}

/** Names are ASCII, so code units will do. */
function byNamespaceAndName({ metadata: a }: StoredObject, { metadata: b }: StoredObject): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../base/clock.ts';
import { type ObjectDraft, type ObjectRef, refKey, refOf, type StoredObject } from '../../objects/object.ts';
import type {
  Applied,
  ApplyOptions,
  ListFilter,
  ObjectChange,
  ObjectEvent,
  ObjectList,
  Store,
  WatchFilter,
} from '../store.ts';
import { DEFAULT_HISTORY, KeptObjects } from './kept-objects.ts';
import { applicationOf, requireVersion } from './next-state.ts';

type MemoryStoreOptions = {
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
  readonly #kept: KeptObjects;

  constructor(options: MemoryStoreOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#kept = new KeptObjects(new Map(), Math.floor(this.#clock.now()), {
      events: options.historyEvents ?? DEFAULT_HISTORY.events,
      bytes: options.historyBytes ?? DEFAULT_HISTORY.bytes,
    });
    if (options.ready ?? true) this.markReady();
  }

  /** The newest. */
  get revision(): number {
    return this.#kept.revision;
  }

  /** What is here from now on is all there is. A repeat does nothing. */
  markReady(): void {
    this.#kept.markReady();
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#kept.ready(signal);
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#kept.get(ref, signal);
  }

  async apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied> {
    signal.throwIfAborted();
    const current = this.#kept.peek(refKey(refOf(draft)));
    const moment = { revision: this.#kept.revision + 1, now: this.#clock.now() };
    const { applied, event } = applicationOf(current, draft, options, moment);
    if (event !== undefined) this.#publish(event);
    return applied;
  }

  async delete(
    ref: ObjectRef,
    resourceVersion: string | undefined,
    signal: AbortSignal,
  ): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    const object = this.#kept.peek(refKey(ref));
    requireVersion('delete', ref, object, resourceVersion);
    if (object === undefined) return undefined;
    this.#publish({ type: 'deleted', object, revision: this.#kept.revision + 1 });
    return object;
  }

  async list(filter: ListFilter, signal: AbortSignal): Promise<ObjectList> {
    return this.#kept.list(filter, signal);
  }

  watch(filter: WatchFilter, signal: AbortSignal): AsyncIterable<ObjectEvent> {
    return this.#kept.watch(filter, signal);
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.#kept.follow(ref, listener);
  }

  #publish(event: ObjectEvent): void {
    this.#kept.change(event, this.#clock.monotonic());
  }
}

import { abortable } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import {
  describeRef,
  type ObjectDraft,
  type ObjectRef,
  refKey,
  refOf,
  type StoredObject,
} from '../../objects/object.ts';
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
import { ChangeHistory, Followers, type HistoryLimits } from './changes.ts';

export const DEFAULT_HISTORY: HistoryLimits = { events: 10_000, bytes: 64 * 1024 * 1024 };

/** The reading side of a store with all objects in memory. Watches read the history at their own pace. */
export abstract class KeptStore implements Store {
  abstract readonly storeId: string;
  readonly #objects: Map<string, StoredObject>;
  readonly #history: ChangeHistory;
  readonly #followers = new Followers();
  /** Wakes the watches that have read the whole history. */
  readonly #waiting = new Set<() => void>();
  readonly #ready: Promise<void>;
  #isReady = false;
  #resolveReady: () => void = () => {};

  /** Takes over `objects`, keyed by `refKey`. `revision` is that of the newest change. */
  constructor(objects: Map<string, StoredObject>, revision: number, limits: HistoryLimits) {
    this.#objects = objects;
    this.#history = new ChangeHistory(revision, limits);
    this.#ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }

  abstract apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied>;
  abstract delete(
    ref: ObjectRef,
    resourceVersion: string | undefined,
    signal: AbortSignal,
  ): Promise<StoredObject | undefined>;

  get revision(): number {
    return this.#history.head;
  }

  /** From now on, a missing object does not exist. A repeat does nothing. */
  markReady(): void {
    this.#isReady = true;
    this.#resolveReady();
  }

  async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isReady) await abortable(this.#ready, signal);
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    const object = this.#objects.get(refKey(ref));
    if (object === undefined && !this.#isReady) throw unfilled(`read ${describeRef(ref)}`);
    return object;
  }

  revisionOf(key: string): number | null | undefined {
    const object = this.#objects.get(key);
    if (object === undefined) return this.#isReady ? null : undefined;
    return Number(object.metadata.resourceVersion);
  }

  /** The object by its `refKey`, even before the store is ready. */
  peek(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  async list({ kind, namespace }: ListFilter, signal: AbortSignal): Promise<ObjectList> {
    signal.throwIfAborted();
    if (!this.#isReady) throw unfilled(`list objects of kind ${kind}`);
    const objects = [...this.#objects.values()].filter(
      (object) => object.kind === kind && (namespace === undefined || namespace === object.metadata.namespace),
    );
    return { objects: objects.sort(byNamespaceAndName), revision: this.revision };
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.#followers.follow(ref, listener);
  }

  /** The watch begins at the call, not at the iteration's first step. */
  watch(filter: WatchFilter, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    return this.#eventsAfter(filter.from ?? this.revision, filter, signal);
  }

  /** Records a change and reports it to watches and followers. `observedAt` is in monotonic milliseconds. */
  protected publish(event: ObjectEvent, observedAt: number): void {
    const { type, object, revision } = event;
    const ref = refOf(object);
    if (type === 'deleted') this.#objects.delete(refKey(ref));
    else this.#objects.set(refKey(ref), object);
    this.#history.append(event);
    for (const wake of [...this.#waiting]) wake();
    this.#followers.dispatch({ ref, type, revision, observedAt });
  }

  async *#eventsAfter(from: number, filter: WatchFilter, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    const { floor, head } = this.#history;
    if (from < floor || from > head) {
      const why = from < floor ? `it is compacted (the oldest kept is ${floor})` : `this store is at ${head}`;
      throw new LanternError(
        'out-of-range',
        `watch objects from revision ${from}: ${why}; list again and watch from there`,
      );
    }
    for (let seen = from; !signal.aborted; ) {
      if (seen < this.#history.floor) throw slowReader();
      const event = this.#history.after(seen);
      if (event === undefined) {
        await this.#nextChange(signal);
        continue;
      }
      seen = event.revision;
      if (matches(filter, event)) yield event;
    }
  }

  /** Resolves after the next change, or when the signal aborts. */
  #nextChange(signal: AbortSignal): Promise<void> {
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

function matches({ kind, namespace }: WatchFilter, { object }: ObjectEvent): boolean {
  return (
    (kind === undefined || kind === object.kind) && (namespace === undefined || namespace === object.metadata.namespace)
  );
}

/** Names are ASCII, so code units and bytes have the same order. */
export function byNamespaceAndName({ metadata: a }: StoredObject, { metadata: b }: StoredObject): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

export function unfilled(what: string): LanternError {
  return new LanternError(
    'unavailable',
    `${what}: the store is still being filled, so absence means nothing yet; try again`,
    { reason: 'STORE_UNSYNCED' },
  );
}

function slowReader(): LanternError {
  return new LanternError(
    'resource-exhausted',
    'watch objects: the reader fell behind the history that is kept; read faster, or list again and watch from there',
  );
}

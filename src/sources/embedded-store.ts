import { type Clock, systemClock } from '../base/clock.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
import { type ObjectDraft, type ObjectRef, refKey, refOf, type StoredObject } from '../objects/object.ts';
import { EmbeddedDatabase, type EmbeddedLocation } from './embedded-database.ts';
import { DEFAULT_HISTORY, KeptObjects } from './kept-objects.ts';
import { applicationOf, requireVersion } from './next-state.ts';
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

export type EmbeddedStoreOptions = EmbeddedLocation & {
  readonly clock?: Clock;
  /** False for a store that is filled first: absence means nothing until `markReady()`. True where left out. */
  readonly ready?: boolean;
  /** How many changes a watch can go back, 10,000 where left out. They are kept in memory: a start begins anew. */
  readonly historyEvents?: number;
};

/** A write that waits for its turn. */
type Task = {
  /** Answers once it is committed; `undefined` when the write was refused, which its caller knows by then. */
  readonly decide: (pending: PendingChanges) => (() => void) | undefined;
  readonly fail: (error: unknown) => void;
};

/** The most writes that share one commit, which bounds the memory of it. */
const MAX_GROUP = 64;

/**
 * Objects on one machine's disk, encrypted, and all of them in memory for reading. A write is answered, seen and told
 * of once it is durable. Writes that wait together are committed together.
 */
export class EmbeddedStore implements Store, AsyncDisposable {
  readonly storeId: string;
  readonly #database: EmbeddedDatabase;
  readonly #kept: KeptObjects;
  readonly #clock: Clock;
  readonly #queue: Task[] = [];
  #draining: Promise<void> = Promise.resolve();
  #isDraining = false;
  /** Why no more writes are taken. */
  #refusal: LanternError | undefined;

  private constructor(database: EmbeddedDatabase, kept: KeptObjects, clock: Clock) {
    this.storeId = database.storeId;
    this.#database = database;
    this.#kept = kept;
    this.#clock = clock;
  }

  /** Loads the store; makes it on the first start. Errors as `EmbeddedDatabase.open`. */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const clock = options.clock ?? systemClock;
    // Not zero: a store that was lost and made anew must not repeat revisions that somebody may still hold.
    const { database, objects } = await EmbeddedDatabase.open(options, Math.floor(clock.now()));
    const limits = { ...DEFAULT_HISTORY, events: options.historyEvents ?? DEFAULT_HISTORY.events };
    const kept = new KeptObjects(objects, database.revision, limits);
    if (options.ready ?? true) kept.markReady();
    return new EmbeddedStore(database, kept, clock);
  }

  /** The newest. */
  get revision(): number {
    return this.#kept.revision;
  }

  /** See `KeptObjects`. */
  markReady(): void {
    this.#kept.markReady();
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#kept.ready(signal);
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#kept.get(ref, signal);
  }

  apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied> {
    return this.#write(signal, (pending) => {
      const current = pending.get(refKey(refOf(draft)));
      const moment = { revision: pending.revision + 1, now: this.#clock.now() };
      const { applied, event } = applicationOf(current, draft, options, moment);
      if (event !== undefined) pending.add(event);
      return applied;
    });
  }

  delete(ref: ObjectRef, resourceVersion: string | undefined, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#write(signal, (pending) => {
      const object = pending.get(refKey(ref));
      requireVersion('delete', ref, object, resourceVersion);
      if (object !== undefined) pending.add({ type: 'deleted', object, revision: pending.revision + 1 });
      return object;
    });
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

  /** Ends the writes that wait, then releases the data directory. A repeat does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#refusal ??= new LanternError('unavailable', 'write to the store: it is closed');
    await this.#draining;
    await this.#database[Symbol.asyncDispose]();
  }

  #write<T>(signal: AbortSignal, decide: (pending: PendingChanges) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#refusal !== undefined) throw this.#refusal;
      this.#queue.push({
        decide: (pending) => {
          try {
            signal.throwIfAborted();
            const answer = decide(pending);
            return () => resolve(answer);
          } catch (error) {
            reject(error);
            return undefined;
          }
        },
        fail: reject,
      });
      if (!this.#isDraining) this.#draining = this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    while (this.#queue.length > 0) await this.#commit(this.#queue.splice(0, MAX_GROUP));
    this.#isDraining = false;
  }

  async #commit(tasks: readonly Task[]): Promise<void> {
    const pending = new PendingChanges(this.#kept);
    try {
      const answers = tasks.flatMap((task) => task.decide(pending) ?? []);
      if (pending.events.length > 0) await this.#database.commit(pending.events);
      for (const event of pending.events) this.#kept.change(event, this.#clock.monotonic());
      for (const answer of answers) answer();
    } catch (error) {
      this.#refusal = failedWrite(error);
      for (const task of [...tasks, ...this.#queue.splice(0)]) task.fail(this.#refusal);
    }
  }
}

/** The state after the writes of one group that are decided but not yet durable. */
class PendingChanges {
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

function failedWrite(error: unknown): LanternError {
  const { code, message } = toLanternError(error, 'write to the store');
  return new LanternError(
    code,
    `${message}; whether the last write was kept is not known, so reads go on and writes are refused until the daemon is restarted`,
    { cause: error },
  );
}

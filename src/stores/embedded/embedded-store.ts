import { type Clock, systemClock } from '../../base/clock.ts';
import { hasCode, LanternError, toLanternError } from '../../base/errors.ts';
import { type Backoff, delays } from '../../base/retry.ts';
import { type ObjectDraft, type ObjectRef, refKey, refOf, type StoredObject } from '../../objects/object.ts';
import type { HistoryLimits } from '../kept/changes.ts';
import { DEFAULT_HISTORY, KeptStore } from '../kept/kept-store.ts';
import { applicationOf, requireVersion } from '../kept/next-state.ts';
import type { Applied, ApplyOptions, ObjectEvent, Writability } from '../store.ts';
import { dataPaths, SpaceReserve } from './data-directory.ts';
import { EmbeddedDatabase, type EmbeddedLocation } from './database.ts';

type EmbeddedStoreOptions = EmbeddedLocation & {
  readonly clock?: Clock;
  /** False for a store that is filled first: absence is unknown until `markReady()`. Default: true. */
  readonly ready?: boolean;
  /** Number of changes that a watch can go back, in memory only. Default: 10,000. */
  readonly historyEvents?: number;
};

type Task = {
  /** Returns the function that answers the caller after the commit; undefined if the write was already refused. */
  readonly decide: (pending: PendingChanges) => (() => void) | undefined;
  readonly fail: (error: unknown) => void;
};

/** Most writes that share one commit, which bounds its memory. */
const MAX_GROUP = 64;
/** Delays before a store that cannot write retries by itself, in milliseconds. */
const RETRIES: Backoff = { firstMs: 2_000, maxMs: 30_000, jitter: 0.2 };
/** A write request retries too, but not before this, plus four times the last attempt's duration, has passed. */
const MIN_PAUSE_MS = 250;

/**
 * Encrypted objects on one machine's disk; all are in memory for reading. A write is acknowledged, visible and
 * announced once it is durable. Waiting writes share a commit.
 *
 * After a failed write, for example on a full disk, LevelDB accepts no more writes. The store then reopens the
 * database, which shows if the write was kept. Until the room can be reserved again, it accepts only deletions, which
 * use the reserved room, or no writes if the database cannot be opened. `writability` reports this.
 */
export class EmbeddedStore extends KeptStore implements AsyncDisposable {
  readonly storeId: string;
  readonly #database: EmbeddedDatabase;
  readonly #clock: Clock;
  readonly #reserve: SpaceReserve;
  readonly #trouble = new StoreTrouble();
  readonly #queue: Task[] = [];
  #draining: Promise<void> = Promise.resolve();
  #isDraining = false;
  #isClosed = false;
  /** The changes of a failed commit until their outcome is known. */
  #undecided: readonly ObjectEvent[] = [];
  #retry:
    | { readonly delays: Iterator<number, never>; timer?: Disposable; isDue: boolean; notBefore: number }
    | undefined;

  private constructor(
    { database, objects }: Awaited<ReturnType<typeof EmbeddedDatabase.open>>,
    {
      clock,
      reserve,
      limits,
    }: { readonly clock: Clock; readonly reserve: SpaceReserve; readonly limits: HistoryLimits },
  ) {
    super(objects, database.revision, limits);
    this.storeId = database.storeId;
    this.#database = database;
    this.#clock = clock;
    this.#reserve = reserve;
  }

  /** Loads the store, or creates it on the first start. Errors as `EmbeddedDatabase.open`. */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const clock = options.clock ?? systemClock;
    // Not zero: a store that was lost and recreated must not repeat revisions that clients may still hold.
    const open = () => EmbeddedDatabase.open(options, Math.floor(clock.now()));
    const reserve = new SpaceReserve(dataPaths(options.directory).reserve);
    let shortage: LanternError | undefined;
    const opened = await open().catch(async (error: unknown) => {
      // The disk filled up while no daemon was running.
      if (!hasCode(error, 'resource-exhausted') || !(await reserve.release())) throw error;
      shortage = error;
      return open();
    });
    const limits = { ...DEFAULT_HISTORY, events: options.historyEvents ?? DEFAULT_HISTORY.events };
    const store = new EmbeddedStore(opened, { clock, reserve, limits });
    if (options.ready ?? true) store.markReady();
    if (shortage !== undefined) store.#meetTrouble(shortage, 'deletions');
    else await reserve.hold();
    return store;
  }

  /** Reports if the store takes every write. */
  get writability(): Writability {
    return this.#trouble;
  }

  apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied> {
    return this.#write(signal, (pending) => {
      const current = pending.get(refKey(refOf(draft)));
      const moment = { revision: pending.revision + 1, now: this.#clock.now() };
      const { applied, event } = applicationOf(current, draft, options, moment);
      if (event !== undefined) {
        if (this.#trouble.remaining !== undefined) throw this.#trouble.refusal();
        pending.add(event);
      }
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

  /** Finishes waiting writes, then releases the data directory. A repeat does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#retry?.timer?.[Symbol.dispose]();
    await this.#draining;
    await this.#database[Symbol.asyncDispose]();
  }

  #write<T>(signal: AbortSignal, decide: (pending: PendingChanges) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#isClosed) throw new LanternError('unavailable', 'write to the store: it is closed');
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
      this.#startDraining();
    });
  }

  #startDraining(): void {
    if (!this.#isDraining) this.#draining = this.#drain();
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    do {
      await this.#tryAgain();
      if (this.#queue.length > 0) await this.#commit(this.#queue.splice(0, MAX_GROUP));
    } while (this.#queue.length > 0 || this.#retry?.isDue);
    this.#isDraining = false;
  }

  async #commit(tasks: readonly Task[]): Promise<void> {
    if (this.#trouble.remaining === 'none') {
      for (const task of tasks) task.fail(this.#trouble.refusal());
      return;
    }
    const pending = new PendingChanges(this);
    const answers = tasks.flatMap((task) => task.decide(pending) ?? []);
    if (pending.events.length > 0) {
      const failure = await this.#makeDurable(pending.events);
      if (failure !== undefined) {
        for (const task of tasks) task.fail(failure);
        return;
      }
    }
    for (const answer of answers) answer();
  }

  /** On return the changes are durable and announced; otherwise returns why they are not, or not for certain. */
  async #makeDurable(events: readonly ObjectEvent[]): Promise<LanternError | undefined> {
    try {
      await this.#database.commit(events);
      this.#publishAll(events);
      return undefined;
    } catch (error) {
      const failure = toLanternError(error, 'write to the store');
      this.#undecided = events;
      const outcome = await this.#reopen(failure);
      if (outcome === 'kept') return undefined;
      return outcome === 'dropped' ? failure : unknownOutcome(failure);
    }
  }

  #publishAll(events: readonly ObjectEvent[]): void {
    for (const event of events) this.publish(event, this.#clock.monotonic());
  }

  /** Finds the outcome of the last commit; `failure` is its error. */
  async #reopen(failure: LanternError): Promise<'kept' | 'dropped' | 'unknown'> {
    try {
      // A reserve that cannot be released does no harm.
      await this.#reserve.release().catch(() => false);
      const outcome = await this.#database.reopen();
      if (outcome === 'kept') this.#publishAll(this.#undecided);
      this.#undecided = [];
      this.#meetTrouble(failure, 'deletions');
      return outcome;
    } catch (error) {
      this.#meetTrouble(toLanternError(error, 'open the store again'), 'none');
      return 'unknown';
    }
  }

  #meetTrouble(error: LanternError, remaining: Remaining): void {
    this.#trouble.begin(error, remaining, this.#clock.now());
    this.#retry ??= { delays: delays(RETRIES), isDue: false, notBefore: 0 };
    this.#tryLater();
  }

  #tryLater(): void {
    const retry = this.#retry;
    if (retry === undefined || this.#isClosed) return;
    retry.timer?.[Symbol.dispose]();
    retry.timer = this.#clock.after(retry.delays.next().value, () => {
      retry.isDue = true;
      this.#startDraining();
    });
  }

  /** Ends the trouble if the files are open and all room is reserved again. */
  async #tryAgain(): Promise<void> {
    const [retry, failure] = [this.#retry, this.#trouble.error];
    const start = this.#clock.monotonic();
    if (retry === undefined || failure === undefined) return;
    const isTime = retry.isDue || start >= retry.notBefore;
    retry.isDue = false;
    if (this.#isClosed || !isTime) return;
    if (this.#trouble.remaining === 'none') await this.#reopen(failure);
    if (this.#trouble.remaining === 'deletions' && (await this.#reserve.hold())) {
      retry.timer?.[Symbol.dispose]();
      this.#retry = undefined;
      this.#trouble.end();
      return;
    }
    const end = this.#clock.monotonic();
    retry.notBefore = end + MIN_PAUSE_MS + 4 * (end - start);
    this.#tryLater();
  }
}

/** The store after the decided but not yet durable writes of one group. */
class PendingChanges {
  readonly events: ObjectEvent[] = [];
  readonly #store: KeptStore;
  readonly #latest = new Map<string, StoredObject | undefined>();

  constructor(store: KeptStore) {
    this.#store = store;
  }

  get revision(): number {
    return this.events.at(-1)?.revision ?? this.#store.revision;
  }

  get(key: string): StoredObject | undefined {
    return this.#latest.has(key) ? this.#latest.get(key) : this.#store.peek(key);
  }

  add(event: ObjectEvent): void {
    this.events.push(event);
    this.#latest.set(refKey(refOf(event.object)), event.type === 'deleted' ? undefined : event.object);
  }
}

function unknownOutcome({ code, message }: LanternError): LanternError {
  return new LanternError(
    code,
    `${message}; whether this write was kept is not known until the store can be opened again: read it then, or write it again`,
  );
}

/** The writes that a store in trouble accepts. `none`: its files could not be opened again. */
type Remaining = 'deletions' | 'none';

/** The writability of a store whose last write failed. */
class StoreTrouble implements Writability {
  readonly #listeners = new Set<() => void>();
  #state: { readonly since: number; readonly error: LanternError; readonly remaining: Remaining } | undefined;

  get refusingSince(): number | undefined {
    return this.#state?.since;
  }

  get error(): LanternError | undefined {
    return this.#state?.error;
  }

  get remaining(): Remaining | undefined {
    return this.#state?.remaining;
  }

  get problem(): string | undefined {
    if (this.#state === undefined) return undefined;
    const { error, remaining } = this.#state;
    const still = remaining === 'deletions' ? 'objects can be read and deleted' : 'objects can be read';
    return `${error.message}; until then ${still}, and nothing is lost`;
  }

  /** The error for a refused write, with the trouble's code. Only during trouble. */
  refusal(): LanternError {
    return new LanternError(this.#state?.error.code ?? 'internal', this.problem ?? 'write to the store');
  }

  /** Begins the trouble, or changes its reason; its start time stays. */
  begin(error: LanternError, remaining: Remaining, now: number): void {
    const isSame = this.#state?.remaining === remaining && this.#state.error.message === error.message;
    this.#state = { since: this.#state?.since ?? now, error, remaining };
    if (!isSame) this.#notify();
  }

  end(): void {
    if (this.#state === undefined) return;
    this.#state = undefined;
    this.#notify();
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

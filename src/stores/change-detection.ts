import { abortable, type Clock, withDeadline } from '../base/clock.ts';
import { LanternError } from '../base/errors.ts';
import { describeRef, type ObjectRef, refKey, type StoredObject } from '../objects/object.ts';
import type { ObjectChange, Source } from './store.ts';

// Sources in front of the store that volumes read from. With `--change-detection=watch`, none is used and changes are
// followed.

class ForwardingSource implements Source {
  protected readonly below: Source;

  constructor(source: Source) {
    this.below = source;
  }

  get storeId(): string {
    return this.below.storeId;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.below.ready(signal);
  }

  get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.below.get(ref, signal);
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    return this.below.follow(ref, listener);
  }

  revisionOf(key: string): number | null | undefined {
    return this.below.revisionOf(key);
  }
}

const NOT_FOLLOWED: Disposable = { [Symbol.dispose]: () => {} };

/** `--change-detection=get`: every read goes to the store, and nothing is followed. */
export class UnfollowedSource extends ForwardingSource {
  override follow(): Disposable {
    return NOT_FOLLOWED;
  }

  override revisionOf(): undefined {
    return undefined;
  }
}

type Entry = { readonly read: Promise<StoredObject | undefined>; readonly timer: Disposable };

/**
 * `--change-detection=cache`: cached reads expire after `ttlMs`, and nothing is followed. Concurrent reads share one
 * read of the store. Expired objects are dropped, so that secret bytes leave memory.
 */
export class CachedSource extends UnfollowedSource {
  /** Reads the store each time and refills the cache, for callers that need the newest state. */
  readonly newest: Source;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #entries = new Map<string, Entry>();
  /** A shared read has no single caller to cancel it. `BoundedSource` limits its time. */
  readonly #never = new AbortController().signal;

  constructor(source: Source, { clock, ttlMs }: { readonly clock: Clock; readonly ttlMs: number }) {
    super(source);
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.newest = new Newest(source, (ref) => this.#read(ref));
  }

  override get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    return abortable(this.#entries.get(refKey(ref))?.read ?? this.#read(ref), signal);
  }

  /** The last started read replaces earlier ones, because its state is the newest. */
  #read(ref: ObjectRef): Promise<StoredObject | undefined> {
    const key = refKey(ref);
    this.#entries.get(key)?.timer[Symbol.dispose]();
    const read = this.below.get(ref, this.#never);
    const entry: Entry = { read, timer: this.#clock.after(this.#ttlMs, () => this.#drop(key, entry)) };
    this.#entries.set(key, entry);
    read.catch(() => this.#drop(key, entry));
    return read;
  }

  #drop(key: string, entry: Entry): void {
    entry.timer[Symbol.dispose]();
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}

class Newest extends UnfollowedSource {
  readonly #read: (ref: ObjectRef) => Promise<StoredObject | undefined>;

  constructor(source: Source, read: (ref: ObjectRef) => Promise<StoredObject | undefined>) {
    super(source);
    this.#read = read;
  }

  override get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    return abortable(this.#read(ref), signal);
  }
}

const READ_DEADLINE_MS = 30_000;

/** Ends a read with `unavailable` if a remote store does not answer within 30 s. */
export class BoundedSource extends ForwardingSource {
  readonly #clock: Clock;

  constructor(source: Source, { clock }: { readonly clock: Clock }) {
    super(source);
    this.#clock = clock;
  }

  override get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    const late = () =>
      new LanternError(
        'unavailable',
        `read ${describeRef(ref)}: the store did not answer within ${READ_DEADLINE_MS / 1000} s; see that it is reachable`,
      );
    const limit = { clock: this.#clock, ms: READ_DEADLINE_MS, late };
    return withDeadline(limit, signal, (bounded) => this.below.get(ref, bounded));
  }
}

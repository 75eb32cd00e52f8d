import type { Clock } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { OldestKeys } from '../../base/oldest-keys.ts';
import { type Backoff, delays, retry, Wakeup } from '../../base/retry.ts';
import type { Slices } from '../../base/steps.ts';
import { type ObjectRef, refKey } from '../../objects/object.ts';
import type { ObjectChange, Source } from '../../stores/store.ts';

export type Trigger = {
  /** The time of the oldest unseen change, in milliseconds of the monotonic clock; undefined without a change. */
  readonly since: number | undefined;
  /** True if anything but a change asked for it: then the files on disk are checked too. */
  readonly isLook: boolean;
};

export interface Refreshable {
  /**
   * Refreshes the volume under its lock. `take` is called once the lock is held, so that earlier requests are part of
   * this refresh. It returns undefined if the volume is not kept fresh any more. Rejects only if the signal aborts.
   */
  keepFresh(take: () => Trigger | undefined, signal: AbortSignal): Promise<unknown>;
}

/** Refreshes that may wait for the store at once. */
const CONCURRENCY = 16;
const RETRY: Backoff = { firstMs: 1_000, maxMs: 60_000, jitter: 0.2 };
/** The sync period varies by this share, so that nodes do not read at the same time. */
const JITTER = 0.1;
const DAY_MS = 24 * 3600 * 1000;

type Timer = { readonly timer: Disposable; readonly waits: Generator<number, never> | undefined };

type Entry = { readonly following: Following; retry?: Timer | undefined; renewal?: Timer | undefined };

/**
 * Keeps volumes fresh: object event → the volumes that depend on it → coalesce → refresh. Failed refreshes are retried
 * with back-off, due tokens are renewed, and a sync period finds changes that no event reported.
 */
export class Freshness implements AsyncDisposable {
  readonly #source: Source;
  readonly #clock: Clock;
  readonly #slices: Slices;
  readonly #stop = new AbortController();
  readonly #entries = new Map<Refreshable, Entry>();
  /** Requests whose refresh has not begun. */
  readonly #requests = new Map<Refreshable, Trigger>();
  /** Volumes with a request that no worker has picked yet. */
  readonly #queue = new FairQueue<Refreshable>();
  readonly #workers = new Set<Promise<void>>();
  #sync: Disposable | undefined;

  constructor({ source, clock, slices }: { source: Source; clock: Clock; slices: Slices }) {
    this.#source = source;
    this.#clock = clock;
    this.#slices = slices;
  }

  /** Follows exactly these objects for the volume. A change of one refreshes it. */
  follow(volume: Refreshable, refs: readonly ObjectRef[]): void {
    this.#entryOf(volume)?.following.follow(refs);
  }

  /** Refreshes the volume when its turn comes, in turn with those of other causes. `since`: see `Trigger`. */
  request(volume: Refreshable, since?: number, cause = ''): void {
    if (this.#stop.signal.aborted) return;
    const before = this.#requests.get(volume);
    const isLook = since === undefined || before?.isLook === true;
    this.#requests.set(volume, { since: before?.since ?? since, isLook });
    if (before !== undefined) return;
    this.#queue.add(volume, cause);
    if (this.#workers.size < CONCURRENCY) this.#startWorker();
  }

  /** Follows the objects of an up-to-date volume, and drops its retry. `renew` is called next if it has tokens. */
  settled(volume: Refreshable, refs: readonly ObjectRef[], hasTokens: boolean): void {
    const entry = this.#entryOf(volume);
    if (entry === undefined) return;
    entry.following.follow(refs);
    entry.retry?.timer[Symbol.dispose]();
    entry.retry = undefined;
    if (hasTokens) return;
    entry.renewal?.timer[Symbol.dispose]();
    entry.renewal = undefined;
  }

  /** The refresh failed: tries again, later each time until `settled`. */
  failed(volume: Refreshable): void {
    const entry = this.#entryOf(volume);
    if (entry === undefined) return;
    entry.retry?.timer[Symbol.dispose]();
    const waits = entry.retry?.waits ?? delays(RETRY);
    const timer = this.#clock.after(waits.next().value, () => this.request(volume));
    entry.retry = { timer, waits };
  }

  /**
   * Refreshes the volume at `due`, when a token must be renewed or expires (milliseconds since 1970 UTC; undefined for
   * never), and before that with back-off while renewing fails. Returns true if it begins to fail.
   */
  renew(volume: Refreshable, due: number | undefined, isFailing: boolean): boolean {
    const entry = this.#entryOf(volume);
    if (entry === undefined) return false;
    const before = entry.renewal?.waits;
    entry.renewal?.timer[Symbol.dispose]();
    entry.renewal = undefined;
    if (due === undefined) return false;
    const waits = isFailing ? (before ?? delays(RETRY)) : undefined;
    // At most a day: after a restart or when the clock is set, `due` may be far away.
    const pause = Math.min(Math.max(due - this.#clock.now(), 0), waits?.next().value ?? DAY_MS);
    entry.renewal = { timer: this.#clock.after(pause, () => this.request(volume)), waits };
    return isFailing && before === undefined;
  }

  /** True if no refresh, no retry and no attempt to renew a failing token waits for the volume, which is followed. */
  isAtRest(volume: Refreshable): boolean {
    const entry = this.#entries.get(volume);
    if (entry === undefined || this.#requests.has(volume)) return false;
    return entry.retry === undefined && entry.renewal?.waits === undefined;
  }

  forget(volume: Refreshable): void {
    const entry = this.#entries.get(volume);
    entry?.following[Symbol.dispose]();
    entry?.retry?.timer[Symbol.dispose]();
    entry?.renewal?.timer[Symbol.dispose]();
    this.#entries.delete(volume);
    this.#requests.delete(volume);
    this.#queue.delete(volume);
  }

  /** Calls `round` every `periodMs`, give or take a tenth, until disposed. */
  repeat(periodMs: number, round: () => void): void {
    const factor = 1 - JITTER + 2 * JITTER * Math.random();
    this.#sync = this.#clock.after(periodMs * factor, () => {
      this.repeat(periodMs, round);
      round();
    });
  }

  /** Resolves when no refresh is requested or under way. */
  async idle(): Promise<void> {
    while (this.#workers.size > 0) await Promise.all(this.#workers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#sync?.[Symbol.dispose]();
    for (const volume of this.#entries.keys()) this.forget(volume);
    await this.idle();
  }

  /** Undefined once it stops: a call that is still under way must not follow again. */
  #entryOf(volume: Refreshable): Entry | undefined {
    if (this.#stop.signal.aborted) return undefined;
    let entry = this.#entries.get(volume);
    if (entry === undefined) {
      const onChange = ({ ref, observedAt }: ObjectChange) => this.request(volume, observedAt, refKey(ref));
      entry = { following: new Following(this.#source, onChange) };
      this.#entries.set(volume, entry);
    }
    return entry;
  }

  #startWorker(): void {
    const worker = this.#work().finally(() => {
      this.#workers.delete(worker);
      // Requested after the worker's last look, but while it still counted as running.
      if (this.#queue.size > 0 && !this.#stop.signal.aborted) this.#startWorker();
    });
    this.#workers.add(worker);
  }

  async #work(): Promise<void> {
    for (;;) {
      // Also before the first: the store reports changes synchronously, and those of one moment become one refresh.
      await this.#slices.next();
      const volume = this.#stop.signal.aborted ? undefined : this.#queue.next();
      if (volume === undefined) return;
      try {
        await volume.keepFresh(() => this.#take(volume), this.#stop.signal);
      } catch {
        // The daemon stops.
        this.#requests.delete(volume);
      }
    }
  }

  #take(volume: Refreshable): Trigger | undefined {
    const trigger = this.#requests.get(volume);
    this.#requests.delete(volume);
    return trigger;
  }
}

/** Gives one item of each cause in turn, so that a change of one volume need not wait for a change of thousands. */
class FairQueue<T> {
  readonly #causes = new Map<string, { readonly items: Set<T>; readonly oldest: OldestKeys<T> }>();
  readonly #causeOf = new Map<T, string>();

  get size(): number {
    return this.#causeOf.size;
  }

  /** The item must not be in the queue. */
  add(item: T, cause: string): void {
    let queued = this.#causes.get(cause);
    if (queued === undefined) {
      const items = new Set<T>();
      queued = { items, oldest: new OldestKeys(items) };
      this.#causes.set(cause, queued);
    }
    queued.items.add(item);
    this.#causeOf.set(item, cause);
  }

  delete(item: T): void {
    const cause = this.#causeOf.get(item);
    if (cause === undefined) return;
    this.#causeOf.delete(item);
    const items = this.#causes.get(cause)?.items;
    items?.delete(item);
    if (items?.size === 0) this.#causes.delete(cause);
  }

  next(): T | undefined {
    const [first] = this.#causes;
    if (first === undefined) return undefined;
    const [cause, queued] = first;
    const item = queued.oldest.next();
    // The next turn is another cause's.
    this.#causes.delete(cause);
    this.#causes.set(cause, queued);
    if (item !== undefined) this.delete(item);
    return item;
  }
}

/** A changing set of objects, followed in the store. */
class Following implements Disposable {
  readonly #source: Source;
  readonly #onChange: (change: ObjectChange) => void;
  readonly #followed = new Map<string, Disposable>();
  /** The list given last. */
  #refs: readonly ObjectRef[] | undefined;

  constructor(source: Source, onChange: (change: ObjectChange) => void) {
    this.#source = source;
    this.#onChange = onChange;
  }

  /** Follows exactly these from now on, without a gap for objects that were followed already. */
  follow(refs: readonly ObjectRef[]): void {
    if (refs === this.#refs) return;
    this.#refs = refs;
    const wanted = new Map<string, ObjectRef>();
    for (const ref of refs) wanted.set(refKey(ref), ref);
    for (const [key, followed] of this.#followed) {
      if (wanted.has(key)) continue;
      followed[Symbol.dispose]();
      this.#followed.delete(key);
    }
    for (const [key, ref] of wanted) {
      if (!this.#followed.has(key)) this.#followed.set(key, this.#source.follow(ref, this.#onChange));
    }
  }

  [Symbol.dispose](): void {
    this.follow([]);
  }
}

/** The arrival of a missing object ends the pause early. */
const BACKOFF: Backoff = { firstMs: 250, maxMs: 10_000, jitter: 0.2 };

type Wait = {
  readonly source: Source;
  readonly clock: Clock;
  /** Called with the error's message whenever other objects are missing than before. */
  readonly onMissing: (message: string) => void;
};

/**
 * Repeats `attempt` while it fails with MISSING_OBJECTS. It calls `follow` with the objects it needs; their changes
 * start the next attempt. After an abort the last such error is thrown, which names what is missing.
 */
export async function whileObjectsAreMissing<T>(
  attempt: (follow: (refs: readonly ObjectRef[]) => void) => Promise<T>,
  { source, clock, onMissing }: Wait,
  signal: AbortSignal,
): Promise<T> {
  const arrival = new Wakeup();
  using following = new Following(source, () => arrival.ring());
  let reported: string | undefined;
  return await retry(() => attempt((refs) => following.follow(refs)), {
    clock: { sleep: (ms, until) => arrival.wait(ms, clock, until) },
    signal,
    backoff: BACKOFF,
    isTransient: (error) => {
      if (!(error instanceof LanternError) || error.reason !== 'MISSING_OBJECTS') return false;
      if (reported !== error.message) onMissing(error.message);
      reported = error.message;
      return true;
    },
  });
}

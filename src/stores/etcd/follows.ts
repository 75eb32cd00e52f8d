import type { IWatchResponse } from 'etcd3';
import { abortable, type Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { delays } from '../../base/retry.ts';
import { type ObjectRef, refKey, type StoredObject } from '../../objects/object.ts';
import { Followers } from '../kept/changes.ts';
import type { ObjectChange } from '../store.ts';
import { EtcdReads, type Touched } from './reads.ts';
import type { EtcdRecords, EtcdState } from './records.ts';
import type { EtcdStream } from './stream.ts';

const READ_AGAIN = { firstMs: 500, maxMs: 10_000, jitter: 0.5 };

/**
 * Followed objects are read once, kept decrypted and watched, all on one stream, until the last follower leaves. While
 * etcd is away, the last state stays.
 */
export class EtcdFollows implements Disposable {
  readonly #records: EtcdRecords;
  readonly #clock: Clock;
  readonly #followers = new Followers();
  readonly #byKey = new Map<string, EtcdFollowed>();
  readonly #closing = new AbortController();
  readonly #reads: EtcdReads;
  #byWatch = new Map<number, EtcdFollowed>();
  #stream: EtcdStream | undefined;
  #lastWatchId = 0;

  /** Nothing is read before `touched` resolves. */
  constructor(records: EtcdRecords, touched: Touched, clock: Clock) {
    this.#records = records;
    this.#reads = new EtcdReads(records, touched, this.#closing.signal);
    this.#clock = clock;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(ref: ObjectRef): EtcdFollowed | undefined {
    return this.#byKey.get(refKey(ref));
  }

  /** The known state of a followed object, by its `refKey`. */
  stateAt(key: string): EtcdState | undefined {
    return this.#byKey.get(key)?.state;
  }

  /** Resolves once the object's state is known. Throws the error of a failed read. */
  async stateOf(followed: EtcdFollowed, signal: AbortSignal): Promise<void> {
    while (followed.state === undefined && followed.reading !== undefined) await abortable(followed.reading, signal);
  }

  follow(ref: ObjectRef, listener: (change: ObjectChange) => void): Disposable {
    const key = refKey(ref);
    let followed = this.#byKey.get(key);
    if (followed === undefined) {
      followed = new EtcdFollowed(ref);
      this.#byKey.set(key, followed);
      void this.#keepKnown(followed);
    }
    followed.followers += 1;
    const following = this.#followers.follow(ref, listener);
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        following[Symbol.dispose]();
        this.#unfollow(key, followed);
      },
    };
  }

  /** Takes over this process's own write before the watch reports it. `epoch` is the history's at the write. */
  wrote(ref: ObjectRef, next: EtcdState, type: ObjectChange['type'], epoch: number): void {
    const followed = this.get(ref);
    if (followed === undefined || epoch !== this.#records.history.epoch) return;
    this.#notify(followed, followed.happened(next, type));
  }

  /** Reads everything again, because etcd's history is another. Callers wait for the reads. */
  forgetAll(): void {
    for (const followed of this.#byKey.values()) {
      followed.forget();
      void this.#keepKnown(followed);
    }
  }

  /** Finds unchanged objects after a pause without reading them. The others' watches resume where they stopped. */
  async catchUp(signal: AbortSignal): Promise<void> {
    const known = [...this.#byKey.values()].filter(({ state }) => state !== undefined);
    const found = await this.#records.changes(
      known.map(({ ref }) => ref),
      signal,
    );
    for (const [index, { revision, changedAt }] of found.entries()) {
      const followed = known[index];
      if (followed?.state?.changedAt === changedAt) followed.confirm(revision);
    }
  }

  /** Moves all watches to this stream; undefined: there is none. Watch numbers begin after `lastWatchId`. */
  use(stream: EtcdStream | undefined, lastWatchId = 0): void {
    this.#stream = stream;
    this.#byWatch = new Map();
    this.#lastWatchId = lastWatchId;
    for (const followed of this.#byKey.values()) {
      followed.watchId = undefined;
      this.#watch(followed);
    }
  }

  /** Handles a stream's message for one of these watches. Throws if the stream has become useless. */
  hear(message: IWatchResponse): void {
    const watchId = Number(message.watch_id);
    const followed = this.#byWatch.get(watchId);
    if (message.canceled) {
      if (followed === undefined && watchId > 0) return;
      this.#onCancel(followed, Number(message.compact_revision));
      return;
    }
    if (followed === undefined) return;
    for (const { type, kv } of message.events) {
      const revision = Number(kv.mod_revision);
      const state = this.#records.stateOf(followed.ref, type === 'Put' ? kv : undefined, revision);
      const kind = type === 'Delete' ? 'deleted' : kv.version === '1' ? 'added' : 'modified';
      this.#notify(followed, followed.happened(state, kind));
    }
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    this.#stream = undefined;
    this.#byKey.clear();
  }

  #unfollow(key: string, followed: EtcdFollowed): void {
    followed.followers -= 1;
    if (followed.followers > 0 || this.#byKey.get(key) !== followed) return;
    this.#byKey.delete(key);
    if (followed.watchId === undefined) return;
    this.#byWatch.delete(followed.watchId);
    this.#stream?.cancel(followed.watchId);
  }

  #isFollowed(followed: EtcdFollowed): boolean {
    return this.#byKey.get(refKey(followed.ref)) === followed;
  }

  /** Reads until the state is known. Concurrent calls share a read. */
  async #keepKnown(followed: EtcdFollowed): Promise<void> {
    if (followed.reading !== undefined) return;
    const waits = delays(READ_AGAIN);
    const { signal } = this.#closing;
    while (followed.state === undefined && this.#isFollowed(followed) && !signal.aborted) {
      followed.reading = this.#read(followed);
      try {
        await followed.reading;
      } catch {
        // Waiting callers get the error.
        await this.#clock.sleep(waits.next().value, signal).catch(() => {});
      }
    }
    followed.reading = undefined;
    this.#watch(followed);
  }

  async #read(followed: EtcdFollowed): Promise<void> {
    const { history } = this.#records;
    const { epoch } = history;
    const state = await this.#reads.read(followed.ref);
    if (epoch === history.epoch && this.#isFollowed(followed)) this.#notify(followed, followed.found(state));
  }

  #watch(followed: EtcdFollowed): void {
    const { state } = followed;
    if (this.#stream === undefined || state === undefined || followed.watchId !== undefined) return;
    if (!this.#isFollowed(followed)) return;
    const watchId = ++this.#lastWatchId;
    followed.watchId = watchId;
    this.#byWatch.set(watchId, followed);
    const key = this.#records.keyOf(followed.ref);
    this.#stream.create({ key, start_revision: state.revision + 1, watch_id: watchId });
  }

  #onCancel(followed: EtcdFollowed | undefined, compactedAt: number): void {
    // etcd also cancels a watch when its login expires; a new stream logs in again.
    if (followed === undefined || compactedAt === 0) {
      throw new LanternError('unavailable', 'watch objects in etcd: etcd cancelled a watch; it is set up again');
    }
    if (followed.watchId !== undefined) this.#byWatch.delete(followed.watchId);
    followed.watchId = undefined;
    // The missed changes are compacted, so the newest state is read.
    void this.#read(followed).then(
      () => this.#watch(followed),
      (error: unknown) => this.#stream?.fail(toLanternError(error, 'read a followed object again')),
    );
  }

  #notify(followed: EtcdFollowed, change: Pick<ObjectChange, 'type' | 'revision'> | undefined): void {
    if (change === undefined) return;
    this.#followers.dispatch({ ref: followed.ref, ...change, observedAt: this.#clock.monotonic() });
  }
}

type Change = Pick<ObjectChange, 'type' | 'revision'>;

/** A followed object's newest known state, and the change last reported to followers. */
export class EtcdFollowed {
  readonly ref: ObjectRef;
  /** At zero the object is dropped. */
  followers = 0;
  watchId: number | undefined;
  /** The read that finds the state; settled once that is known. */
  reading: Promise<void> | undefined;
  #state: EtcdState | undefined;
  /** The `changedAt` last reported to followers; undefined before the first state. */
  #reported: number | undefined;
  /** The previous state belongs to another history, so its `changedAt` does not compare. */
  #isOtherHistory = false;

  constructor(ref: ObjectRef) {
    this.ref = ref;
  }

  /** Undefined until the state is known. */
  get state(): EtcdState | undefined {
    return this.#state;
  }

  /** Undefined if the object does not exist; throws if it cannot be decrypted. The state must be known. */
  get object(): StoredObject | undefined {
    if (this.#state?.problem !== undefined) throw this.#state.problem;
    return this.#state?.object;
  }

  /** Discards the state, because etcd's history is another. The next read counts as a change. */
  forget(): void {
    this.#state = undefined;
    this.#isOtherHistory = true;
  }

  /** Records that the object did not change up to this revision. */
  confirm(revision: number): void {
    if (this.#state !== undefined && revision > this.#state.revision) this.#state = { ...this.#state, revision };
  }

  /** Takes over an event or an own write. Undefined if it is already known or outdated. */
  happened(next: EtcdState, type: ObjectChange['type']): Change | undefined {
    if (this.#state !== undefined && next.revision <= this.#state.revision) return undefined;
    this.#keep(next);
    return { type, revision: next.revision };
  }

  /** Takes over a read state. Returns all changes since the last report as one change. */
  found(next: EtcdState): Change | undefined {
    if (this.#state !== undefined && next.revision <= this.#state.revision) return undefined;
    const reported = this.#reported;
    const isOther = this.#isOtherHistory;
    this.#keep(next);
    // The first read is the followers' starting point, not a change.
    if (reported === undefined) return undefined;
    if (next.changedAt === reported && !isOther) return undefined;
    if (next.changedAt === 0) return reported === 0 ? undefined : { type: 'deleted', revision: next.revision };
    return { type: reported === 0 ? 'added' : 'modified', revision: next.changedAt };
  }

  #keep(next: EtcdState): void {
    this.#state = next;
    this.#reported = next.changedAt;
    this.#isOtherHistory = false;
  }
}

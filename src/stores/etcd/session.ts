import { randomUUID } from 'node:crypto';
import type { IEvent, IWatchResponse } from 'etcd3';
import { abortable, type Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { delays } from '../../base/retry.ts';
import { seal, unseal } from '../sealed/envelope.ts';
import type { KeyRing } from '../sealed/key-file.ts';
import type { Staleness } from '../store.ts';
import { replaceIfUnchanged } from './client.ts';
import type { EtcdFollows } from './follows.ts';
import type { EtcdRecords } from './records.ts';
import type { EtcdSeen } from './seen.ts';
import { EtcdStream } from './stream.ts';

/** Spreads nodes that lost etcd at the same moment. */
const BACKOFF = { firstMs: 100, maxMs: 5_000, jitter: 0.9 };
/** A stream that lasted this long was healthy. */
const SETTLED_MS = 5_000;
/** The number of the watch that always exists. */
const ANCHOR = 1;
const WHAT = 'watch objects in etcd';

export type EtcdSessionOptions = {
  readonly records: EtcdRecords;
  readonly follows: EtcdFollows;
  readonly keys: KeyRing;
  readonly prefix: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The first call is delayed by a random part of this, to spread nodes that start together. */
  readonly startSpreadMs: number;
  /** Where etcd's progress is kept; undefined: nowhere. */
  readonly seen: EtcdSeen | undefined;
};

/** In a loop: checks that the store is the same, catches up with changes, and watches until the stream ends. */
export class EtcdSession implements Staleness, AsyncDisposable {
  readonly #options: EtcdSessionOptions;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #connected: Promise<void>;
  #resolveConnected: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #staleSince: number | undefined;
  #problem: string | undefined = 'etcd has not answered yet';
  #watchRestarts = -1;
  #stream: EtcdStream | undefined;

  constructor(options: EtcdSessionOptions) {
    this.#options = options;
    this.#staleSince = options.clock.now();
    this.#connected = new Promise((resolve) => {
      this.#resolveConnected = resolve;
    });
  }

  get staleSince(): number | undefined {
    return this.#staleSince;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  get watchRestarts(): number {
    return Math.max(0, this.#watchRestarts);
  }

  onTouch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Resolves once etcd has answered and is the store that the keys are for. */
  connected(signal: AbortSignal): Promise<void> {
    return abortable(this.#connected, signal);
  }

  /** Reconnects, because etcd's history is another. */
  restart(): void {
    this.#stream?.fail(otherHistory());
  }

  start(): void {
    const { seen, records } = this.#options;
    seen?.keep(records.history);
    this.#running = this.#run(this.#closing.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#options.seen?.[Symbol.asyncDispose]();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, startSpreadMs } = this.#options;
    await clock.sleep(Math.random() * startSpreadMs, signal).catch(() => {});
    let waits = delays(BACKOFF);
    while (!signal.aborted) {
      const began = clock.monotonic();
      try {
        await this.#once(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#lost(toLanternError(error, WHAT));
      }
      // Streams that repeatedly end at once must not be reopened in a hurry.
      if (clock.monotonic() - began > SETTLED_MS) waits = delays(BACKOFF);
      await clock.sleep(waits.next().value, signal).catch(() => {});
    }
  }

  /** Identifies the store, catches up, then watches. Throws when the stream ends. */
  async #once(signal: AbortSignal): Promise<void> {
    const { follows, records, seen } = this.#options;
    const revision = await this.#identify(signal);
    // No record may name a store that this file does not know.
    await seen?.save();
    this.#resolveConnected();
    await follows.catchUp(signal);
    const { epoch } = records.history;
    using stream = await EtcdStream.open(records.client, (message) => {
      if (Number(message.watch_id) === ANCHOR) this.#onAnchor(message);
      else follows.hear(message);
    });
    this.#stream = stream;
    this.#watchRestarts += 1;
    // The anchor always exists, and is the only watch with progress messages, which show that the stream is healthy.
    stream.create({ key: this.#idKey(), start_revision: revision + 1, watch_id: ANCHOR, progress_notify: true });
    if (epoch !== records.history.epoch) throw otherHistory();
    follows.use(stream, ANCHOR);
    try {
      await abortable(stream.ended, signal);
    } finally {
      follows.use(undefined);
    }
  }

  /** The first message confirms that etcd watches. */
  #onAnchor(message: IWatchResponse): void {
    const { history } = this.#options.records;
    if (message.canceled || !message.events.every((event) => this.#isSameId(event))) {
      throw new LanternError('unavailable', `${WHAT}: what is kept there was replaced; it is looked at again`);
    }
    history.progress(Number(message.header.revision));
    if (message.created) this.#found();
  }

  /** A rekey rewrites the same id, sealed by another key. */
  #isSameId({ type, kv }: IEvent): boolean {
    const { keys, records } = this.#options;
    if (type !== 'Put') return false;
    return records.history.isKept(unseal(keys, kv.value, this.#idKey().toString(), WHAT).bytes.toString());
  }

  #idKey(): Buffer {
    return Buffer.from(`${this.#options.prefix}/store-id`);
  }

  /**
   * Returns the store's revision. Creates the id in etcd if missing, and another if etcd went back under it. It is
   * sealed, so a daemon without the key stops here.
   */
  async #identify(signal: AbortSignal): Promise<number> {
    const { records, keys } = this.#options;
    const { client, history } = records;
    const key = this.#idKey();
    const what = 'open the store in etcd';
    const mark = history.mark();
    const { header, kvs } = await client.range({ key }, what, signal);
    history.answer(header, mark);
    const [kept] = kvs;
    if (kept !== undefined) {
      const id = unseal(keys, kept.value, key.toString(), what).bytes.toString();
      if (!history.wentBackUnder(id)) {
        history.identify(id);
        return Number(header.revision);
      }
      this.#options.log.warn('etcd was restored from a snapshot under the same id: it is another store from now on');
    }
    const value = seal(keys.first, Buffer.from(randomUUID()), key.toString());
    // If several daemons start at once, one of them creates it and all read it.
    await replaceIfUnchanged(client, { key, changedAt: kept?.mod_revision ?? 0, value }, what, signal);
    return await this.#identify(signal);
  }

  #found(): void {
    if (this.#staleSince === undefined) return;
    this.#staleSince = undefined;
    this.#problem = undefined;
    this.#options.log.info({ objects: this.#options.follows.size }, 'in touch with etcd');
    this.#touch();
  }

  #lost(error: LanternError): void {
    const isNews = this.#problem !== error.message;
    this.#problem = error.message;
    if (isNews) this.#options.log.warn({ error }, 'out of touch with etcd: what is known stays as it is');
    if (this.#staleSince !== undefined) return;
    this.#staleSince = this.#options.clock.now();
    this.#touch();
  }

  #touch(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function otherHistory(): LanternError {
  return new LanternError('unavailable', `${WHAT}: etcd was replaced or restored from a snapshot`);
}

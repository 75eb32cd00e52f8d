import type { IEvent, IWatchResponse } from 'etcd3';
import { BoundedQueue } from '../../base/broadcast.ts';
import { abortable, type Clock } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { delays } from '../../base/retry.ts';
import type { ObjectEvent, WatchFilter } from '../store.ts';
import type { EtcdRecords } from './records.ts';
import { EtcdStream } from './stream.ts';

const BACKOFF = { firstMs: 100, maxMs: 5_000, jitter: 0.9 };
/** A stream that lasted this long was healthy. */
const SETTLED_MS = 5_000;
const WATCH_ID = 1;

export type EtcdWatchOptions = {
  readonly records: EtcdRecords;
  readonly clock: Clock;
  readonly log: Log;
  /** How far a reader may fall behind, in events… */
  readonly maxEvents: number;
  /** …and in encrypted bytes. */
  readonly maxBytes: number;
  readonly closing: AbortSignal;
};

/** A watch begins after this revision, in the history of that epoch. */
export type WatchStart = { readonly revision: number; readonly epoch: number };

/** `Store.watch` over its own stream, reopened after the last event whenever it ends. Events wait sealed. */
export async function* watchObjects(
  options: EtcdWatchOptions,
  filter: WatchFilter,
  start: Promise<WatchStart>,
  signal: AbortSignal,
): AsyncGenerator<ObjectEvent, void> {
  const begin = await start.catch((error: unknown) => {
    if (!signal.aborted) throw error;
    return undefined;
  });
  if (begin === undefined) return;
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const buffer = new Buffered(options);
  const queue = new BoundedQueue<IEvent>('watch objects', options.maxEvents, stop.signal);
  const feeding = feed(options, filter, begin, { queue, buffer }, stop.signal);
  try {
    for await (const event of queue) {
      buffer.taken(event);
      const told = eventOf(options, event);
      if (told !== undefined) yield told;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop.abort();
    await feeding;
  }
}

class Buffered {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ maxBytes }: Pick<EtcdWatchOptions, 'maxBytes'>) {
    this.#maxBytes = maxBytes;
  }

  get isOver(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  came(event: IEvent): void {
    this.#bytes += sizeOf(event);
  }

  taken(event: IEvent): void {
    this.#bytes -= sizeOf(event);
  }
}

type Feed = { readonly queue: BoundedQueue<IEvent>; readonly buffer: Buffered };

/** Runs until the signal aborts or this history ends. */
async function feed(
  options: EtcdWatchOptions,
  filter: WatchFilter,
  start: WatchStart,
  to: Feed,
  signal: AbortSignal,
): Promise<void> {
  const { records, clock, closing } = options;
  let waits = delays(BACKOFF);
  let seen = start.revision;
  const isSame = () => records.history.epoch === start.epoch;
  let fragments: IEvent[] = [];
  const hear = (message: IWatchResponse) => {
    if (!isSame()) throw otherHistory(seen);
    if (message.canceled) throw cancelled(message, seen);
    fragments.push(...message.events);
    for (const event of message.events) to.buffer.came(event);
    // Checked before the last fragment: etcd may send a thousand revisions as one message.
    if (to.buffer.isOver) throw slowReader();
    if (message.fragment) return;
    for (const event of fragments) to.queue.push(event);
    seen = Math.max(seen, Number(fragments.at(-1)?.kv.mod_revision ?? progressOf(message)));
    fragments = [];
  };
  // A restored etcd may be behind that revision, and would stay silent until it is reached.
  const ending = isSame() ? AbortSignal.any([signal, records.history.over]) : signal;
  while (!signal.aborted) {
    for (const event of fragments) to.buffer.taken(event);
    fragments = [];
    const began = clock.monotonic();
    try {
      if (closing.aborted) throw new LanternError('cancelled', 'watch objects: the store is closed');
      if (!isSame()) throw otherHistory(seen);
      using stream = await EtcdStream.open(records.client, hear);
      stream.create({
        ...records.rangeOf(filter),
        start_revision: seen + 1,
        watch_id: WATCH_ID,
        prev_kv: true,
        progress_notify: true,
      });
      await abortable(stream.ended, ending);
    } catch (error) {
      if (signal.aborted) return;
      const failure = isSame() ? toLanternError(error, 'watch objects') : otherHistory(seen);
      if (failure.code !== 'unavailable') {
        to.queue.fail(failure);
        return;
      }
    }
    if (clock.monotonic() - began > SETTLED_MS) waits = delays(BACKOFF);
    await clock.sleep(waits.next().value, ending).catch(() => {});
  }
}

/**
 * The revision up to which etcd has reported all changes. etcd sends it periodically on a quiet watch, so that a
 * compaction does not force a new list. Such a message is in order with the watch's events and comes only while none
 * waits. This is not true of etcd's greeting, nor, in older versions, of an answer to a progress request
 * (etcd-io/etcd#15220), which belongs to no watch and is never requested here. Both are ignored.
 */
function progressOf({ created, watch_id, header }: IWatchResponse): number {
  return created || Number(watch_id) !== WATCH_ID ? 0 : Number(header.revision);
}

/** An event that cannot be decrypted is logged and skipped. */
function eventOf({ records, log }: EtcdWatchOptions, { type, kv, prev_kv }: IEvent): ObjectEvent | undefined {
  const ref = records.refOf(kv.key);
  const revision = Number(kv.mod_revision);
  const isDeleted = type === 'Delete';
  const { object, problem } = records.stateOf(ref, isDeleted ? (prev_kv ?? undefined) : kv, revision);
  if (problem !== undefined) log.warn({ error: problem }, 'a watch leaves out a change');
  else if (object === undefined) throw lostState(revision);
  if (object === undefined) return undefined;
  return { type: isDeleted ? 'deleted' : kv.version === '1' ? 'added' : 'modified', object, revision };
}

function sizeOf({ kv, prev_kv }: IEvent): number {
  return kv.value.length + (prev_kv?.value.length ?? 0);
}

function cancelled({ compact_revision }: IWatchResponse, seen: number): LanternError {
  const compacted = Number(compact_revision);
  // The login expired or the member shuts down: the next stream may succeed.
  if (compacted === 0) return new LanternError('unavailable', 'watch objects: etcd cancelled the watch');
  return new LanternError(
    'out-of-range',
    `watch objects from revision ${seen}: it is compacted (the oldest kept is ${compacted}); list again and watch from there`,
  );
}

function otherHistory(seen: number): LanternError {
  return new LanternError(
    'out-of-range',
    `watch objects from revision ${seen}: etcd was replaced or restored from a snapshot; list again and watch from there`,
  );
}

/** A deletion whose last state was compacted meanwhile. */
function lostState(revision: number): LanternError {
  return new LanternError(
    'out-of-range',
    `watch objects: what was deleted at revision ${revision} is compacted; list again and watch from there`,
  );
}

function slowReader(): LanternError {
  return new LanternError(
    'resource-exhausted',
    'watch objects: the reader fell too many bytes behind; read faster, or list again and watch from there',
  );
}

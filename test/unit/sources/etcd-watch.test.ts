import { EventEmitter } from 'node:events';
import type { IEvent, IWatchResponse } from 'etcd3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import type { EtcdClient } from '../../../src/sources/etcd-client.ts';
import { EtcdHistory } from '../../../src/sources/etcd-history.ts';
import { EtcdRecords } from '../../../src/sources/etcd-records.ts';
import { watchObjects } from '../../../src/sources/etcd-watch.ts';
import { passingKey } from '../../../src/sources/key-file.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { rejectionOf } from '../../support/rejection.ts';

/** etcd's end of one stream. */
class FakeStream extends EventEmitter {
  readonly starts: number[] = [];
  isCancelled = false;

  write({ create_request }: { create_request: { start_revision: number } }): void {
    this.starts.push(create_request.start_revision);
  }

  cancel(): void {
    this.isCancelled = true;
  }

  tell(message: Partial<IWatchResponse>): void {
    this.emit('data', { events: [], canceled: false, fragment: false, ...message });
  }
}

const MOST_BYTES = 1_000;
const key = passingKey();
const keys = { first: key, byId: new Map([[key.id, key]]) };
let over: AbortController;
beforeEach(() => {
  over = new AbortController();
});
afterEach(() => over.abort());

/** Of something that cannot be opened: it is left out, and its size counts. */
function change(revision: number, bytes: number): IEvent {
  const kv = {
    key: Buffer.from('/p/objects/Secret/default/s'),
    value: Buffer.alloc(bytes),
    mod_revision: `${revision}`,
  };
  return { type: 'Put', kv: { ...kv, version: '2' }, prev_kv: undefined } as unknown as IEvent;
}

function arrange() {
  const streams: FakeStream[] = [];
  const openStream = async () => {
    const stream = new FakeStream();
    streams.push(stream);
    return { stream, onFailure: () => {} };
  };
  const client = { openStream } as unknown as EtcdClient;
  const clock = new ManualClock();
  const records = new EtcdRecords({ client, history: new EtcdHistory(() => {}), keys, prefix: '/p' });
  const options = { records, clock, log: silentLog, mostEvents: 100, mostBytes: MOST_BYTES, closing: over.signal };
  const signal = AbortSignal.any([over.signal]);
  const events = watchObjects(options, { kind: 'Secret' }, Promise.resolve({ revision: 5, epoch: 0 }), signal);
  const next = events.next();
  next.catch(() => {});
  /** The stream of that number, counted from 1, once its watch is set up. */
  const stream = (number: number) =>
    vi.waitFor(() => {
      const found = streams[number - 1];
      if (found === undefined || found.starts.length === 0) throw new Error(`no stream ${number}`);
      return found;
    });
  return { clock, next, stream };
}

test('what came of an answer in fragments counts before the last one has come', async () => {
  const { next, stream } = arrange();
  const only = await stream(1);
  only.tell({ events: [change(6, 600)], fragment: true });
  expect(only.isCancelled).toBe(false);
  only.tell({ events: [change(6, 600)], fragment: true });
  expect(only.isCancelled).toBe(true);
  expect(await rejectionOf(next)).toMatchObject({ code: 'resource-exhausted' });
});

test('fragments of a stream that was cut count no more, and are asked for again', async () => {
  const { clock, stream } = arrange();
  for (let number = 1; number <= 4; number++) {
    const cut = await stream(number);
    expect(cut.starts).toEqual([6]);
    cut.tell({ events: [change(6, 600)], fragment: true });
    cut.emit('end');
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    clock.advance(10_000);
  }
  const last = await stream(5);
  last.tell({ events: [change(6, 600)] });
  expect(last.isCancelled).toBe(false);
});

test('a watch that was well for long is set up again at once, however often that happened before', async () => {
  const { clock, stream } = arrange();
  for (let number = 1; number <= 12; number++) {
    const cut = await stream(number);
    clock.advance(3_600_000);
    cut.emit('end');
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    clock.advance(100);
    await stream(number + 1);
  }
});

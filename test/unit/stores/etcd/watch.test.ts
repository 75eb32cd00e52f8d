import { EventEmitter } from 'node:events';
import type { IEvent, IWatchResponse } from 'etcd3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../../../src/base/log.ts';
import type { EtcdClient } from '../../../../src/stores/etcd/client.ts';
import { EtcdHistory } from '../../../../src/stores/etcd/history.ts';
import { EtcdRecords } from '../../../../src/stores/etcd/records.ts';
import { watchObjects } from '../../../../src/stores/etcd/watch.ts';
import { passingKey } from '../../../../src/stores/sealed/key-file.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { rejectionOf } from '../../../support/suite/expectations.ts';

/** etcd's end of one stream. */
class FakeStream extends EventEmitter {
  readonly starts: number[] = [];
  asksForProgress = false;
  isCancelled = false;

  write({ create_request: created }: { create_request: { start_revision: number; progress_notify?: boolean } }): void {
    this.starts.push(created.start_revision);
    this.asksForProgress = created.progress_notify === true;
  }

  cancel(): void {
    this.isCancelled = true;
  }

  tell(message: Partial<IWatchResponse>): void {
    const plain = { watch_id: '1', created: false, canceled: false, fragment: false, events: [] };
    this.emit('data', { header: { revision: '0' }, ...plain, ...message });
  }

  /** A message without events, with etcd's revision in its header. */
  tellRevision(revision: number, message: Partial<IWatchResponse> = {}): void {
    this.tell({ header: { revision: `${revision}` } as IWatchResponse['header'], ...message });
  }
}

const MAX_BYTES = 1_000;
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
  const options = { records, clock, log: silentLog, maxEvents: 100, maxBytes: MAX_BYTES, closing: over.signal };
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

test.each<[string, (stream: FakeStream) => unknown, number]>([
  ['its progress', (stream) => stream.tellRevision(90), 91],
  ['progress after a change', (stream) => [stream.tell({ events: [change(6, 1)] }), stream.tellRevision(90)], 91],
  ['a change after progress', (stream) => [stream.tellRevision(90), stream.tell({ events: [change(95, 1)] })], 96],
  ['progress that is behind it', (stream) => [stream.tellRevision(90), stream.tellRevision(80)], 91],
  ['a change, whatever etcd has come to', (stream) => stream.tellRevision(90, { events: [change(7, 1)] }), 8],
  // Etcd says so before it has told what came since the start.
  ['the greeting', (stream) => stream.tellRevision(90, { created: true }), 6],
  ['progress of no watch in particular', (stream) => stream.tellRevision(90, { watch_id: '-1' }), 6],
  ['a part of an answer', (stream) => stream.tellRevision(90, { events: [change(90, 1)], fragment: true }), 6],
])('a watch that was cut goes on after %s', async (_, tell, start) => {
  const { clock, stream } = arrange();
  const cut = await stream(1);
  expect(cut.asksForProgress).toBe(true);
  tell(cut);
  expect(cut.isCancelled).toBe(false);
  cut.emit('end');
  await vi.waitFor(() => expect(clock.pending).toBe(1));
  clock.advance(10_000);
  expect((await stream(2)).starts).toEqual([start]);
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

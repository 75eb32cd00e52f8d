import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../../../src/base/log.ts';
import { type PluginMethod, PluginServer } from '../../../../src/rpc/docker/plugin-server.ts';
import { connectionLimits, RefusedConnections } from '../../../../src/rpc/transport/connection-limits.ts';
import { PluginClient } from '../../../support/docker/plugin-client.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

let dir: TempDir;
let clock: ManualClock;
let server: PluginServer;
let client: PluginClient;
/** The signals of calls to the method that waits. */
let signals: AbortSignal[];
let outcomes: string[];
let onBegun: () => void;
let begun: Promise<void>;

beforeEach(async () => {
  dir = new TempDir();
  clock = new ManualClock();
  signals = [];
  outcomes = [];
  begun = new Promise((resolve) => {
    onBegun = resolve;
  });
  const wait = (signal: AbortSignal) =>
    new Promise<object>((_, reject) => {
      signals.push(signal);
      signal.addEventListener('abort', () => reject(signal.reason));
      onBegun();
    });
  server = new PluginServer({
    methods: new Map<string, PluginMethod>([
      ['/Wait', (_request, _engine, signal) => wait(signal)],
      [
        '/Fail',
        () => {
          throw new Error('hunter2');
        },
      ],
    ]),
    limits: connectionLimits(1_024).docker,
    refused: new RefusedConnections(silentLog, clock),
    onCall: (method, outcome) => outcomes.push(`${method} ${outcome}`),
    clock,
    log: silentLog,
  });
  client = new PluginClient(dir.at('plugin.sock'));
  await server.listen(client.socket);
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

test('a call that takes too long is answered before the engine gives up', async () => {
  const answer = client.call('Wait');
  await begun;
  clock.advance(49_999);
  expect(signals[0]?.aborted).toBe(false);
  clock.advance(1);
  expect(await answer).toEqual({ Err: 'it took longer than 50 s; try again' });
  expect(outcomes).toEqual(['/Wait deadline-exceeded']);
  expect(clock.pending).toBe(0);
});

test('the wait ends with the engine', async () => {
  const socket = connect(client.socket);
  socket.write('POST /Wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  await begun;
  socket.destroy();
  await expect.poll(() => outcomes).toEqual(['/Wait cancelled']);
});

test('a call that waits when the daemon ends is cut off without an answer, so that the engine repeats it', async () => {
  const answer = client.exchange('POST /Wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  await begun;
  await server[Symbol.asyncDispose]();
  expect(await answer).toBe('');
});

test('an unexpected error is not told', async () => {
  expect(await client.call('Fail')).toEqual({ Err: 'answer /Fail: an unexpected error' });
  expect(outcomes).toEqual(['/Fail internal']);
});

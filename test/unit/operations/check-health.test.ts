import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkHealth } from '../../../src/operations/check-health.ts';
import { RpcFixture } from '../../support/projection/rpc-fixture.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

const NEVER = new AbortController().signal;
const LONG_MS = 10_000;

let directory: TempDir;

beforeEach(() => {
  directory = new TempDir('/dev/shm');
});

afterEach(() => {
  directory[Symbol.dispose]();
});

/** Something that listens on a unix socket and is no gRPC server. */
async function stranger(onConnection: Parameters<typeof createServer>[1]): Promise<{ path: string } & AsyncDisposable> {
  const path = directory.at('socket');
  const server: Server = createServer(onConnection).listen(path);
  await once(server, 'listening');
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

test('a server that serves, and the same one when it does not', async () => {
  await using fixture = await RpcFixture.start();
  expect(await checkHealth(fixture.lanternSocket, NEVER, LONG_MS)).toEqual({ status: 'serving' });
  fixture.server.setServing(false);
  expect(await checkHealth(fixture.lanternSocket, NEVER, LONG_MS)).toEqual({ status: 'not-serving' });
});

test('a gRPC server without the health service', async () => {
  await using fixture = await RpcFixture.start();
  // The socket of CSI hosts has only what they ask for.
  expect(await checkHealth(fixture.csiSocket, NEVER, LONG_MS)).toEqual({
    status: 'failed',
    problem: 'it answered with gRPC status 12',
  });
});

test('no socket, and one that nobody listens on', async () => {
  expect(await checkHealth(directory.at('none'), NEVER, LONG_MS)).toEqual({
    status: 'unreachable',
    problem: 'the socket does not exist',
  });
  writeFileSync(directory.at('file'), '');
  expect(await checkHealth(directory.at('file'), NEVER, LONG_MS)).toEqual({
    status: 'unreachable',
    problem: 'nothing listens there',
  });
});

test('what hangs up, and what speaks something else', async () => {
  for (const answer of ['', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n']) {
    await using server = await stranger((socket) => {
      socket.on('error', () => {});
      socket.resume().end(answer);
    });
    expect(await checkHealth(server.path, NEVER, LONG_MS)).toEqual({
      status: 'failed',
      problem: 'the process there does not speak gRPC',
    });
  }
});

test('what never answers ends with the time, or with the signal', async () => {
  await using server = await stranger((socket) => socket.on('error', () => {}).resume());
  expect(await checkHealth(server.path, NEVER, 50)).toEqual({
    status: 'failed',
    problem: 'it did not answer within 0.05 s',
  });
  const stop = new AbortController();
  const check = checkHealth(server.path, stop.signal, LONG_MS);
  stop.abort();
  expect(await check).toEqual({ status: 'failed', problem: 'the check was interrupted' });
});

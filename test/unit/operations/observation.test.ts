import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { LanternError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import { Observation } from '../../../src/operations/observation.ts';

const READINGS = {
  census: () => ({
    volumes: { ready: 0, stale: 0, degraded: 0 },
    publications: { whole: 0, subPath: 0 },
    pinnedGenerations: 0,
  }),
  pools: () => ({ pools: 0, usedBytes: 0, sizeBytes: 0, limitBytes: 0, fullestRatio: 0 }),
  revision: () => 1,
  staleness: undefined,
  cautions: 0,
  version: '1.2.3',
  publisher: 'direct',
  store: 'memory',
};

let observation: Observation;

beforeEach(async () => {
  observation = await Observation.start('127.0.0.1:0', systemClock, silentLog);
});

afterEach(async () => {
  await observation[Symbol.asyncDispose]();
});

async function get(path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${observation.port}${path}`);
  return { status: response.status, body: await response.text() };
}

test('alive from the first moment on, and not ready before there is a daemon', async () => {
  expect(await get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
  expect(await get('/readyz')).toEqual({ status: 503, body: 'not ok daemon: it is starting\n' });
  expect((await get('/metrics')).status).toBe(200);
});

test('ready when all is there, and not any more when one thing ends', async () => {
  let sync: () => void = () => {};
  const synced = new Promise<void>((resolve) => {
    sync = resolve;
  });
  const projector = { isReady: false };
  const server = { isServing: false };
  const writability: { problem: string | undefined } = { problem: undefined };
  const parts = { source: { ready: () => synced }, projector, server, writability };
  observation.observe(READINGS, parts, new AbortController().signal);
  const source = 'source: the store has not synced yet';
  const volumes = 'volumes: volumes of an earlier daemon are not taken over yet';
  const grpc = 'grpc: calls are not served yet';
  const page = (status: number, ...lines: string[]) => ({ status, body: lines.map((line) => `${line}\n`).join('') });

  expect(await get('/readyz')).toEqual(
    page(503, `not ok ${source}`, `not ok ${volumes}`, `not ok ${grpc}`, 'ok store'),
  );
  sync();
  await synced;
  expect(await get('/readyz')).toEqual(page(503, 'ok source', `not ok ${volumes}`, `not ok ${grpc}`, 'ok store'));
  projector.isReady = true;
  expect(await get('/readyz')).toEqual(page(503, 'ok source', 'ok volumes', `not ok ${grpc}`, 'ok store'));
  server.isServing = true;
  expect(await get('/readyz')).toEqual(page(200, 'ok source', 'ok volumes', 'ok grpc', 'ok store'));
  writability.problem = 'write to the store in "/var/lib/lantern": no space is left';
  const store = 'store: writes fail; the log says why';
  expect(await get('/readyz')).toEqual(page(503, 'ok source', 'ok volumes', 'ok grpc', `not ok ${store}`));
  writability.problem = undefined;
  server.isServing = false;
  expect((await get('/readyz')).status).toBe(503);
});

test('a source that never comes to be ready is no unhandled rejection', async () => {
  const source = { ready: () => Promise.reject(new LanternError('cancelled', 'the daemon ends')) };
  const parts = { source, projector: { isReady: true }, server: { isServing: true } };
  observation.observe(READINGS, parts, new AbortController().signal);
  expect((await get('/readyz')).status).toBe(503);
});

test('a reading that fails costs one answer, and tells nothing', async () => {
  const census = () => {
    throw new Error('hunter2');
  };
  const parts = { source: { ready: async () => {} }, projector: { isReady: true }, server: { isServing: true } };
  observation.observe({ ...READINGS, census }, parts, new AbortController().signal);
  expect(await get('/metrics')).toEqual({ status: 500, body: 'this page failed\n' });
  expect((await get('/healthz')).status).toBe(200);
});

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mayMount } from '../support/host/privileges.ts';
import { freePort } from '../support/host/process.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

const secretVolume = (secretName: string) => ({ source: { secret: { secretName } } });

/** What a daemon says of itself, over a real connection. */
class Pages {
  readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  async get(path: string): Promise<Response> {
    return await fetch(`http://127.0.0.1:${this.port}${path}`);
  }

  async metrics(): Promise<string> {
    return await (await this.get('/metrics')).text();
  }

  /** The samples of these metrics, by name and labels as they are written; those that are not there are left out. */
  async samples(...names: readonly string[]): Promise<Record<string, number>> {
    const lines = (await this.metrics()).split('\n').filter((line) => !line.startsWith('#'));
    const pairs = lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]);
    return Object.fromEntries(
      pairs.flatMap(([sample = '', value]) => {
        return names.includes(sample.replace(/\{.*/, '')) ? [[sample, Number(value)]] : [];
      }),
    );
  }
}

describe.each(['direct', ...(mayMount ? ['bind'] : [])])('the %s publisher', (publisher) => {
  let harness: DaemonHarness;
  let pages: Pages;

  beforeAll(async () => {
    pages = new Pages(await freePort());
    harness = await DaemonHarness.start({ publisher, metricsAddress: `127.0.0.1:${pages.port}`, poolSize: '2Mi' });
  });

  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
  });

  test('is alive and ready, and says what runs', async () => {
    expect((await pages.get('/healthz')).status).toBe(200);
    const ready = await pages.get('/readyz');
    expect({ status: ready.status, body: await ready.text() }).toEqual({
      status: 200,
      body: 'ok source\nok volumes\nok grpc\nok store\n',
    });
    expect(Object.keys(await pages.samples('lantern_info'))).toEqual([
      expect.stringContaining(`publisher="${publisher}",store="embedded"`),
    ]);
    expect((await pages.get('/metrics')).headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  });

  test('counts what happens to volumes', async () => {
    const { projector, objects } = harness.client;
    const names = [
      'lantern_publishes_total',
      'lantern_unpublishes_total',
      'lantern_updates_total',
      'lantern_skipped_updates_total',
      'lantern_volumes',
      'lantern_publications',
      'lantern_generations_pinned',
      'lantern_propagation_seconds_count',
      'lantern_volume_failures_total',
    ];
    expect(await pages.samples(...names)).toEqual({
      lantern_publishes_total: 0,
      lantern_unpublishes_total: 0,
      lantern_propagation_seconds_count: 0,
      lantern_generations_pinned: 0,
      'lantern_volumes{state="ready"}': 0,
      'lantern_volumes{state="stale"}': 0,
      'lantern_volumes{state="degraded"}': 0,
      'lantern_publications{kind="volume"}': 0,
      'lantern_publications{kind="sub_path"}': 0,
      'lantern_volume_failures_total{reason="FailedMount"}': 0,
      'lantern_volume_failures_total{reason="FailedUpdate"}': 0,
    });

    await harness.applySecret('counted', { key: 'one' });
    const request = { volumeId: 'counted', definition: secretVolume('counted') };
    await projector.mount({ ...request, targetPath: harness.target('whole') });
    // A repeat is none.
    await projector.mount({ ...request, targetPath: harness.target('whole') });
    await projector.mount({ ...request, targetPath: harness.target('part'), subPath: 'key' });
    await harness.applySecret('counted', { key: 'two' });
    expect(readFileSync(`${harness.target('whole')}/key`, 'utf8')).toBe('two');
    expect(await pages.samples(...names)).toEqual({
      lantern_publishes_total: 2,
      lantern_unpublishes_total: 0,
      'lantern_updates_total{cause="object"}': 1,
      'lantern_skipped_updates_total{reason="sub_path"}': 1,
      lantern_propagation_seconds_count: 1,
      lantern_generations_pinned: 1,
      'lantern_volumes{state="ready"}': 1,
      'lantern_volumes{state="stale"}': 0,
      'lantern_volumes{state="degraded"}': 0,
      'lantern_publications{kind="volume"}': 1,
      'lantern_publications{kind="sub_path"}': 1,
      'lantern_volume_failures_total{reason="FailedMount"}': 0,
      'lantern_volume_failures_total{reason="FailedUpdate"}': 0,
    });
    const pool = await pages.samples(
      'lantern_pool_used_bytes',
      'lantern_pool_size_bytes',
      'lantern_pool_fullest_ratio',
    );
    const { lantern_pool_used_bytes: used = 0, lantern_pool_size_bytes: size = 0 } = pool;
    expect(pool).toMatchObject({ lantern_pool_fullest_ratio: size === 0 ? 0 : used / size });

    await projector.update({
      volumeId: 'counted',
      definition: { source: { secret: { secretName: 'counted', items: [{ key: 'key', path: 'other' }] } } },
    });
    await objects.delete({ ref: { kind: 'Secret', name: 'counted' } });
    await harness.daemon.settled();
    expect(await pages.samples('lantern_updates_total', 'lantern_volumes', 'lantern_volume_failures_total')).toEqual({
      'lantern_updates_total{cause="object"}': 1,
      'lantern_updates_total{cause="request"}': 1,
      'lantern_volume_failures_total{reason="FailedMount"}': 0,
      'lantern_volume_failures_total{reason="FailedUpdate"}': 1,
      'lantern_volumes{state="ready"}': 0,
      'lantern_volumes{state="stale"}': 1,
      'lantern_volumes{state="degraded"}': 0,
    });

    await projector.unmount({ volumeId: 'counted', targetPath: '' });
    expect(await pages.samples('lantern_unpublishes_total', 'lantern_publications')).toEqual({
      lantern_unpublishes_total: 2,
      'lantern_publications{kind="volume"}': 0,
      'lantern_publications{kind="sub_path"}': 0,
    });
  });

  test('the time to propagate is what the buckets say, in seconds', async () => {
    const { count, sum, within } = await propagation();
    await harness.applySecret('timed', { key: '1' });
    await harness.client.projector.mount({
      volumeId: 'timed',
      definition: secretVolume('timed'),
      targetPath: harness.target('timed'),
    });
    const start = performance.now();
    await harness.applySecret('timed', { key: '2' });
    const seconds = (performance.now() - start) / 1000;
    const after = await propagation();
    expect(after.count - count).toBe(1);
    expect(after.sum - sum).toBeGreaterThan(0);
    expect(after.sum - sum).toBeLessThan(seconds);
    expect(after.within - within).toBe(1);
  });

  async function propagation(): Promise<{ count: number; sum: number; within: number }> {
    const found = await pages.samples(
      'lantern_propagation_seconds_count',
      'lantern_propagation_seconds_sum',
      'lantern_propagation_seconds_bucket',
    );
    return {
      count: found.lantern_propagation_seconds_count ?? 0,
      sum: found.lantern_propagation_seconds_sum ?? 0,
      within: found['lantern_propagation_seconds_bucket{le="120"}'] ?? 0,
    };
  }

  test('counts calls by method and outcome, failures among them', async () => {
    const { projector } = harness.client;
    const volume = { volumeId: 'absent', definition: secretVolume('absent'), targetPath: harness.target('absent') };
    await rejectionOf(projector.mount(volume));
    await rejectionOf(projector.mount({ ...volume, volumeId: '' }));
    const service = 'grpc_service="lantern.v1.Projector",grpc_method="Mount"';
    const calls = await pages.samples('lantern_grpc_calls_total', 'lantern_grpc_call_seconds_count');
    expect(calls).toMatchObject({
      [`lantern_grpc_calls_total{${service},grpc_code="INVALID_ARGUMENT"}`]: 1,
      [`lantern_grpc_calls_total{${service},grpc_code="FAILED_PRECONDITION"}`]: 1,
    });
    const total = Object.entries(calls).filter(([sample]) => sample.startsWith(`lantern_grpc_calls_total{${service}`));
    expect(calls[`lantern_grpc_call_seconds_count{${service}}`]).toBe(total.reduce((sum, [, count]) => sum + count, 0));
  });

  test('calls under way are seen while they last', async () => {
    const stop = new AbortController();
    const watch = harness.client.projector.watchVolumes({ includeExisting: true }, { signal: stop.signal });
    const sample = 'lantern_grpc_calls_in_flight{grpc_service="lantern.v1.Projector",grpc_method="WatchVolumes"}';
    const inFlight = async () => (await pages.samples('lantern_grpc_calls_in_flight'))[sample];
    // An event says that the call has begun.
    await watch[Symbol.asyncIterator]().next();
    expect(await inFlight()).toBe(1);
    stop.abort();
    await expect.poll(inFlight).toBe(0);
    // How long a stream lasted is its client's affair.
    expect(Object.keys(await pages.samples('lantern_grpc_call_seconds_count')).join()).not.toContain('WatchVolumes');
  });

  test("the store's revision grows with every change", async () => {
    const revision = async () => (await pages.samples('lantern_store_revision')).lantern_store_revision ?? 0;
    const before = await revision();
    await harness.applySecret('revised', { key: '1' });
    expect(await revision()).toBe(before + 1);
  });

  test('pools', async () => {
    const names = ['lantern_pools', 'lantern_pool_used_bytes', 'lantern_pool_size_bytes', 'lantern_pool_limit_bytes'];
    await harness.applySecret('large', { key: 'x'.repeat(500_000) });
    const namespace = { namespace: 'default' };
    const targetPath = harness.target('large');
    await harness.client.projector.mount({
      volumeId: 'large',
      ...namespace,
      definition: secretVolume('large'),
      targetPath,
    });
    const { lantern_pools: pools, lantern_pool_used_bytes: used = 0, ...sizes } = await pages.samples(...names);
    const isBind = publisher === 'bind';
    expect(pools).toBe(isBind ? 1 : 0);
    expect(sizes.lantern_pool_size_bytes).toBe(isBind ? 2 * 2 ** 20 : 0);
    expect(used >= 500_000).toBe(isBind);
    expect((sizes.lantern_pool_limit_bytes ?? 0) > 0).toBe(isBind);
  });

  test('no page tells a name or a secret, however odd', async () => {
    const { objects, projector } = harness.client;
    const names = { namespace: 'zebra-quagga', name: 'okapi.giraffe' };
    const volume = { volumeId: 'gnu"} 1 # evil', namespace: names.namespace, definition: secretVolume(names.name) };
    const pod = { name: 'PANGOLIN', uid: 'uid-okapi' };
    const apply = (text: string) =>
      objects.apply({ object: { metadata: names, secret: { data: { aardvark: Buffer.from(text) } } } });
    await apply('hunter2');
    await projector.mount({ ...volume, targetPath: harness.target('ibex'), pod });
    await projector.mount({ ...volume, targetPath: harness.target('kudu'), subPath: 'aardvark', pod });
    // Everything that is counted happens once: an update, one that is skipped, failures, a call of each outcome.
    await apply('hunter3');
    await harness.daemon.settled();
    await objects.delete({ ref: { kind: 'Secret', ...names } });
    await harness.daemon.settled();
    const yak = { volumeId: 'yak', namespace: names.namespace, definition: secretVolume('yak') };
    await rejectionOf(projector.mount({ ...yak, targetPath: harness.target('yak') }));
    await rejectionOf(projector.update({ volumeId: 'lemur' }));
    const paths = ['/metrics', '/readyz', '/healthz', '/'];
    const text = (await Promise.all(paths.map(async (path) => (await pages.get(path)).text()))).join('\n');
    for (const counted of ['publishes', 'updates', 'skipped_updates', 'volume_failures', 'grpc_calls']) {
      expect(text).toMatch(new RegExp(`^lantern_${counted}_total(?:\\{.*\\})? [1-9]`, 'm'));
    }
    expect(text).not.toMatch(/zebra|quagga|okapi|giraffe|gnu|evil|pangolin|aardvark|ibex|kudu|yak|lemur|hunter/i);
    expect(text).not.toContain(harness.directory.path);
  });
});

test('a daemon that ends leaves the port free, and takes it again', async () => {
  const pages = new Pages(await freePort());
  await using harness = await DaemonHarness.start({ publisher: 'direct', metricsAddress: `127.0.0.1:${pages.port}` });
  expect((await pages.get('/readyz')).status).toBe(200);
  await harness.end();
  await expect(pages.get('/readyz')).rejects.toThrow();
  await harness.begin();
  expect((await pages.get('/readyz')).status).toBe(200);
});

test('a busy address keeps the daemon from starting, before it opens anything', async () => {
  const port = await freePort();
  const metricsAddress = `127.0.0.1:${port}`;
  await using _first = await DaemonHarness.start({ publisher: 'direct', metricsAddress });
  expect(await rejectionOf(DaemonHarness.start({ publisher: 'direct', metricsAddress }))).toMatchObject({
    code: 'failed-precondition',
    message: `serve pages on "${metricsAddress}": another process listens there; stop it, or choose another address`,
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Metrics, type Readings } from '../../../src/operations/metrics.ts';
import type { VolumeEvent } from '../../../src/projection/events/event-log.ts';
import { TOP } from '../../support/suite/compiled.ts';

const READINGS: Readings = {
  census: () => ({
    volumes: { ready: 3, stale: 2, degraded: 1 },
    publications: { whole: 5, subPath: 4 },
    pinnedGenerations: 2,
  }),
  pools: () => ({ pools: 1, usedBytes: 10, sizeBytes: 100, limitBytes: 1000, fullestRatio: 0.25 }),
  revision: () => 42,
  staleness: { staleSince: 1_500, watchRestarts: 7 },
  docker: () => ({ inUse: 2, unused: 1 }),
  cautions: 1,
  version: '1.2.3',
  publisher: 'bind',
  store: 'memory',
};

const HEAD = { volumeId: 'v', namespace: 'n', pod: { name: 'p', uid: 'u' }, time: 0 };

let metrics: Metrics;

beforeEach(() => {
  metrics = new Metrics();
  metrics.readAtScrape(READINGS);
});

/** The metric's samples, as they are written. */
async function samplesOf(name: string): Promise<string[]> {
  const text = await metrics.registry.getSingleMetricAsString(name);
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('events of volumes', () => {
  const updated = { ...HEAD, type: 'updated', oldGeneration: 'a', newGeneration: 'b', changedPaths: ['f'] } as const;

  test.each<[VolumeEvent, string, string]>([
    [{ ...HEAD, type: 'mounted', target: '/t' }, 'lantern_publishes_total', 'lantern_publishes_total 1'],
    [{ ...HEAD, type: 'unmounted', target: '/t' }, 'lantern_unpublishes_total', 'lantern_unpublishes_total 1'],
    ...(['object', 'request', 'refresh'] as const).map((cause): [VolumeEvent, string, string] => [
      { ...updated, cause, propagationMs: cause === 'object' ? 3 : undefined },
      'lantern_updates_total',
      `lantern_updates_total{cause="${cause}"} 1`,
    ]),
    [
      { ...HEAD, type: 'update-skipped', target: '/t', message: 'm' },
      'lantern_skipped_updates_total',
      'lantern_skipped_updates_total{reason="sub_path"} 1',
    ],
    [
      { ...HEAD, type: 'failed', reason: 'FailedMount', message: 'm' },
      'lantern_volume_failures_total',
      'lantern_volume_failures_total{reason="FailedMount"} 1',
    ],
    [
      { ...HEAD, type: 'warning', reason: 'InvalidVariableNames', message: 'm' },
      'lantern_volume_warnings_total',
      'lantern_volume_warnings_total{reason="InvalidVariableNames"} 1',
    ],
  ])('%j', async (event, name, sample) => {
    metrics.hear(event);
    expect((await samplesOf(name)).filter((line) => !line.endsWith(' 0'))).toEqual([sample]);
  });

  test('an update takes as long as it says, one by a request no time at all', async () => {
    metrics.hear({ ...updated, cause: 'object', propagationMs: 7 });
    metrics.hear({ ...updated, cause: 'object', propagationMs: 3000 });
    metrics.hear({ ...updated, cause: 'request', propagationMs: undefined });
    const samples = await samplesOf('lantern_propagation_seconds');
    expect(samples).toEqual(
      expect.arrayContaining([
        'lantern_propagation_seconds_bucket{le="0.005"} 0',
        'lantern_propagation_seconds_bucket{le="0.01"} 1',
        'lantern_propagation_seconds_bucket{le="2.5"} 1',
        'lantern_propagation_seconds_bucket{le="5"} 2',
        'lantern_propagation_seconds_sum 3.007',
        'lantern_propagation_seconds_count 2',
      ]),
    );
  });
});

test('calls', async () => {
  const inFlight = () => samplesOf('lantern_grpc_calls_in_flight');
  const ended = metrics.begun('/csi.v1.Node/NodePublishVolume', 'unary');
  const labels = 'grpc_service="csi.v1.Node",grpc_method="NodePublishVolume"';
  expect(await inFlight()).toEqual([`lantern_grpc_calls_in_flight{${labels}} 1`]);
  ended('not-found');
  metrics.begun('/csi.v1.Node/NodePublishVolume', 'unary')('ok');
  expect(await inFlight()).toEqual([`lantern_grpc_calls_in_flight{${labels}} 0`]);
  expect(await samplesOf('lantern_grpc_calls_total')).toEqual([
    `lantern_grpc_calls_total{${labels},grpc_code="NOT_FOUND"} 1`,
    `lantern_grpc_calls_total{${labels},grpc_code="OK"} 1`,
  ]);
});

test('requests that could not be read', async () => {
  metrics.unreadable();
  expect(await samplesOf('lantern_grpc_unreadable_messages_total')).toEqual([
    'lantern_grpc_unreadable_messages_total 1',
  ]);
});

test('calls of a Docker engine, by method and result', async () => {
  for (const outcome of ['ok', 'ok', 'failed-precondition'] as const) {
    metrics.dockerCall('/VolumeDriver.Mount', outcome);
  }
  expect(await samplesOf('lantern_docker_calls_total')).toEqual([
    'lantern_docker_calls_total{method="Mount",code="OK"} 2',
    'lantern_docker_calls_total{method="Mount",code="FAILED_PRECONDITION"} 1',
  ]);
});

test('watches that start over, and no others', async () => {
  for (const outcome of ['out-of-range', 'resource-exhausted', 'cancelled', 'ok'] as const) {
    metrics.begun('/lantern.v1.Objects/Watch', 'stream')(outcome);
    metrics.begun('/lantern.v1.Projector/Mount', 'unary')(outcome);
  }
  expect(await samplesOf('lantern_watch_restarts_total')).toEqual([
    'lantern_watch_restarts_total{reason="history"} 1',
    'lantern_watch_restarts_total{reason="slow_reader"} 1',
  ]);
});

test('what there is', async () => {
  const names = [
    'lantern_info',
    'lantern_volumes',
    'lantern_publications',
    'lantern_generations_pinned',
    'lantern_pools',
    'lantern_pool_used_bytes',
    'lantern_pool_fullest_ratio',
    'lantern_pool_size_bytes',
    'lantern_pool_limit_bytes',
    'lantern_store_revision',
    'lantern_store_stale_since_seconds',
    'lantern_store_watch_restarts',
    'lantern_host_cautions',
    'lantern_docker_volumes',
  ];
  expect((await Promise.all(names.map(samplesOf))).flat()).toEqual([
    'lantern_info{version="1.2.3",publisher="bind",store="memory"} 1',
    'lantern_volumes{state="ready"} 3',
    'lantern_volumes{state="stale"} 2',
    'lantern_volumes{state="degraded"} 1',
    'lantern_publications{kind="volume"} 5',
    'lantern_publications{kind="sub_path"} 4',
    'lantern_generations_pinned 2',
    'lantern_pools 1',
    'lantern_pool_used_bytes 10',
    'lantern_pool_fullest_ratio 0.25',
    'lantern_pool_size_bytes 100',
    'lantern_pool_limit_bytes 1000',
    'lantern_store_revision 42',
    'lantern_store_stale_since_seconds 1.5',
    'lantern_store_watch_restarts 7',
    'lantern_host_cautions 1',
    'lantern_docker_volumes{state="in_use"} 2',
    'lantern_docker_volumes{state="unused"} 1',
  ]);
});

test('two daemons in one process count apart', async () => {
  const other = new Metrics();
  other.hear({ ...HEAD, type: 'mounted', target: '/t' });
  expect(await samplesOf('lantern_publishes_total')).toEqual(['lantern_publishes_total 0']);
});

describe('docs/metrics.md', () => {
  const page = readFileSync(join(TOP, 'docs/metrics.md'), 'utf8');
  const documented = page.split('\n').filter((line) => line.startsWith('| `lantern_'));

  test('lists every metric of ours, and nothing else, as the code has it', async () => {
    const all = await metrics.registry.getMetricsAsJSON();
    const ours = all.filter(({ name }) => name.startsWith('lantern_'));
    const rows = ours.map(({ name, type, help }) => {
      const labels: readonly string[] = Reflect.get(metrics.registry.getSingleMetric(name) ?? {}, 'labelNames');
      return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
    });
    expect(documented).toEqual(rows);
  });

  test('all others are of the process and of Node', async () => {
    const others = (await metrics.registry.getMetricsAsJSON()).filter(({ name }) => !name.startsWith('lantern_'));
    expect(others.filter(({ name }) => !/^(?:process|nodejs)_/.test(name))).toEqual([]);
    expect(others.length).toBeGreaterThan(10);
  });
});

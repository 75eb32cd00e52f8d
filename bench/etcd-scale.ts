import { setTimeout as sleep } from 'node:timers/promises';
import { OPTIONS as CONFIG_OPTIONS } from '../src/config/options.ts';
import { EtcdStore } from '../src/stores/etcd/etcd-store.ts';
import { createKeyFile, readKeyRing } from '../src/stores/sealed/key-file.ts';
import { EtcdServer, isEtcdThere } from '../test/support/etcd/etcd-server.ts';
import { COMMON, configMap, drafts, ESTATE } from './etcd-estate.ts';
import { EtcdReading, RequestRate } from './etcd-metrics.ts';
import { Nodes } from './etcd-nodes.ts';
import { isQuick } from './measure.ts';

const PREFIX = '/lantern';
const PROCESSES = 2;
/**
 * Few nodes start within the default spread; more of them over longer, for this machine's processors are those of all.
 */
const AT_ONCE = 200;
const MS_PER_NODE = 60;
const IDLE_MS = isQuick ? 3_000 : 20_000;
const DOWN_MS = 2_000;
const OPTIONS = { createOnly: false, dryRun: false };
const NEVER = new AbortController().signal;

/** The cost of a node to a real etcd, one line for each number of nodes. */
export async function scale(counts: readonly number[]): Promise<void> {
  if (!isEtcdThere) {
    console.log('etcd is not in PATH: install it (Debian: etcd-server, etcd-client) for the scale simulation');
    return;
  }
  const { apps, namespaces, volumesPerNode } = ESTATE;
  console.log(
    `${apps} Secrets and ${namespaces} ConfigMaps of 2 KiB; ${volumesPerNode} volumes per node, of a Secret and a ConfigMap each; ` +
      `one etcd member, its data in memory; nodes in ${PROCESSES} processes`,
  );
  for (const count of counts) console.table([await measured(count)].flat());
}

type Row = Readonly<Record<string, string | number>>;

async function measured(count: number): Promise<Row[]> {
  await using server = await EtcdServer.start();
  const keyFile = server.directory.at('shared.key');
  await createKeyFile(keyFile);
  const { endpoints, member } = server;
  const keys = await readKeyRing([keyFile]);
  const identity = { tls: undefined, login: undefined };
  await using writer = new EtcdStore({ endpoints, prefix: PREFIX, identity, keys });
  writer.start();
  await Promise.all(drafts().map((draft) => writer.apply(draft, OPTIONS, NEVER)));
  await using nodes = new Nodes(PROCESSES);
  const read = () => EtcdReading.of(member.clientUrl);
  const empty = await nodes.ask('report');

  // 1. All start.
  const startSpreadMs = count <= AT_ONCE ? CONFIG_OPTIONS.etcdStartSpread.default : count * MS_PER_NODE;
  let before = await read();
  const start = await timed(member.clientUrl, () =>
    nodes.start(count, { endpoints, prefix: PREFIX, keyFile, startSpreadMs }),
  );
  const started = await nodes.ask('report');
  await sleep(1_000);
  let after = await read();
  const row = (what: string, ms: number, most: number | undefined, extra: Row): Row => ({
    nodes: count,
    what,
    seconds: (ms / 1000).toFixed(1),
    'requests/node': ((after.requests - before.requests) / count).toFixed(1),
    'most requests/s': most === undefined ? '' : Math.round(most),
    'KiB from etcd/node': ((after.bytesSent - before.bytesSent) / count / 1024).toFixed(1),
    'KiB to etcd/node': ((after.bytesReceived - before.bytesReceived) / count / 1024).toFixed(1),
    'etcd CPU ms/node': (((after.processor - before.processor) * 1000) / count).toFixed(1),
    ...extra,
  });
  const rows = [
    row(`start within ${startSpreadMs / 1000} s`, start.ms, start.most, {
      'watchers/node': ((after.watchers - before.watchers) / count).toFixed(1),
      'objects/node': (started.followed / count).toFixed(1),
      'etcd MiB': `${mib(before.memory)} -> ${mib(after.memory)}`,
      'KiB of memory/node': ((started.memory - empty.memory) / count / 1024).toFixed(0),
      'reads refused': started.failures,
    }),
  ];

  // 2. Nothing happens.
  before = await read();
  const idleFrom = await nodes.ask('report');
  await sleep(IDLE_MS);
  after = await read();
  const idleTo = await nodes.ask('report');
  rows.push(
    row(`idle for ${IDLE_MS / 1000} s`, IDLE_MS, undefined, {
      'node CPU ms/node': (((idleTo.processor - idleFrom.processor) * 1000) / count).toFixed(1),
    }),
  );

  // 3. One change of what all have.
  before = await read();
  const { heard } = await nodes.ask('report');
  const expected = idleTo.followed === 0 ? 0 : heard + (await listenersOfCommon(count));
  const written = Date.now();
  await writer.apply(configMap(COMMON.namespace, 1), OPTIONS, NEVER);
  let report = await nodes.ask('report');
  while (report.heard < expected && Date.now() - written < 20_000) {
    await sleep(50);
    report = await nodes.ask('report');
  }
  after = await read();
  rows.push(
    row('one change that every node receives', report.lastHeard - written, undefined, {
      missed: expected - report.heard,
    }),
  );

  // 4. etcd ends and comes back.
  await member.kill();
  await nodes.ask('lose');
  const restartsBefore = (await nodes.ask('report')).restarts;
  await sleep(DOWN_MS);
  const found = await timed(member.clientUrl, async () => {
    member.start();
    await server.answering();
    before = await read();
    await nodes.ask('find');
  });
  await sleep(1_000);
  after = await read();
  const ended = await nodes.ask('report');
  rows.push(
    row('etcd killed and back', found.ms, found.most, {
      'watchers/node': (after.watchers / count).toFixed(1),
      'new streams/node': ((ended.restarts - restartsBefore) / count).toFixed(2),
      'etcd MiB': mib(after.memory),
    }),
  );
  return rows;
}

async function listenersOfCommon(count: number): Promise<number> {
  const { referencesOf } = await import('./etcd-estate.ts');
  let sum = 0;
  for (let node = 0; node < count; node++) {
    sum += referencesOf(node).filter(
      ({ kind, namespace }) => kind === COMMON.kind && namespace === COMMON.namespace,
    ).length;
  }
  return sum;
}

async function timed(clientUrl: string, action: () => Promise<unknown>): Promise<{ ms: number; most: number }> {
  const rate = new RequestRate(clientUrl);
  const start = performance.now();
  await action();
  const ms = performance.now() - start;
  await rate[Symbol.asyncDispose]();
  return { ms, most: rate.most };
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

// Many nodes in one process: of each daemon the part that reads and follows objects, as it is.
import type { ObjectRef } from '../src/objects/object.ts';
import { EtcdStore } from '../src/stores/etcd/etcd-store.ts';
import { readKeyRing } from '../src/stores/sealed/key-file.ts';
import { answerTasks } from './child.ts';
import { COMMON, referencesOf } from './etcd-estate.ts';
import type { NodesReport, NodesTask } from './etcd-nodes.ts';

const SAMPLE_MS = 50;
const nodes: EtcdStore[] = [];
let heard = 0;
let lastHeard = 0;

async function start(task: Extract<NodesTask, { readonly do: 'start' }>): Promise<void> {
  const keys = await readKeyRing([task.keyFile]);
  const { endpoints, prefix, startSpreadMs } = task;
  for (let count = 0; count < task.count; count++) {
    const identity = { tls: undefined, login: undefined };
    const store = new EtcdStore({ endpoints, prefix, identity, keys, startSpreadMs });
    nodes.push(store);
    store.start();
  }
  await Promise.all(nodes.map((store, index) => settle(store, task.first + index)));
}

/** As a daemon does for the volumes that it finds at its start: once in touch follow, then read, and retry. */
async function settle(store: EtcdStore, node: number): Promise<void> {
  // One signal for all nodes would have as many listeners, and each addition looks through all of them.
  const { signal } = new AbortController();
  await store.connected(signal);
  for (const ref of referencesOf(node)) {
    const isCommon = ref.namespace === COMMON.namespace && ref.kind === COMMON.kind;
    store.follow(ref, () => {
      if (!isCommon) return;
      heard += 1;
      lastHeard = Date.now();
    });
  }
  await store.ready(signal);
  await Promise.all(referencesOf(node).map((ref) => read(store, ref, signal)));
  await until(() => store.staleness.staleSince === undefined);
}

async function read(store: EtcdStore, ref: ObjectRef, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      if ((await store.get(ref, signal)) === undefined) throw new Error(`${ref.name} is missing`);
      return;
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'unavailable') throw error;
      failures += 1;
      await new Promise((resolve) => setTimeout(resolve, 500 * Math.random()));
    }
  }
}

let failures = 0;

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
}

function report(): NodesReport {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return {
    inTouch: nodes.filter(({ staleness }) => staleness.staleSince === undefined).length,
    followed: nodes.reduce((sum, { followed }) => sum + followed, 0),
    restarts: nodes.reduce((sum, { staleness }) => sum + staleness.watchRestarts, 0),
    heard,
    lastHeard,
    failures,
    memory: heapUsed + external,
    processor: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
  };
}

answerTasks(async (task: NodesTask) => {
  if (task.do === 'start') await start(task);
  if (task.do === 'lose') await until(() => nodes.every(({ staleness }) => staleness.staleSince !== undefined));
  if (task.do === 'find') await until(() => nodes.every(({ staleness }) => staleness.staleSince === undefined));
  return report();
});

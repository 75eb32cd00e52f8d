import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EtcdFleet, mountSecrets, shownBy } from '../support/etcd/etcd-fleet.ts';
import { callsOf } from '../support/etcd/etcd-members.ts';
import type { EtcdNode } from '../support/etcd/etcd-node.ts';
import { EtcdProxy } from '../support/etcd/etcd-proxy.ts';
import { EtcdServer, isEtcdThere } from '../support/etcd/etcd-server.ts';
import { VolumeWatcher } from '../support/volume/volume-watcher.ts';

const OBJECTS = 200;
/** Of those, how many change while the node is cut off. */
const CHANGED = 10;
const TIMEOUT_MS = 120_000;

const PARTITIONS = [
  ['its connections are cut', (proxy: EtcdProxy) => proxy.close(), (proxy: EtcdProxy) => proxy.open()],
  ['nothing comes through, without a word', (proxy: EtcdProxy) => proxy.freeze(), (proxy: EtcdProxy) => proxy.thaw()],
] as const;

describe.runIf(isEtcdThere)('a node that is cut off from a cluster of etcd (needs etcd)', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await EtcdServer.start({ members: 3 });
  }, 60_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  test.each(PARTITIONS)(
    '%s, while objects change and etcd is compacted and defragmented',
    {
      timeout: TIMEOUT_MS,
    },
    async (how, cutOff, heal) => {
      const [first, second, third] = await Promise.all(server.endpoints.map((url) => EtcdProxy.before(url)));
      if (first === undefined || second === undefined || third === undefined) throw new Error('not three members');
      await using _first = first;
      await using _second = second;
      await using _third = third;
      const proxies = [first, second, third];
      const cameThrough = () => proxies.reduce((sum, { bytesToClients }) => sum + bytesToClients, 0);
      await using fleet = await EtcdFleet.start(
        server,
        `/partition-${PARTITIONS.findIndex(([name]) => name === how)}`,
        OBJECTS,
      );
      // The first one looks at every Secret for all of them, and changes follow there.
      const neighbour = await fleet.addNode();
      const beforeMounts = cameThrough();
      const node = await fleet.addNode(proxies.map(({ url }) => url));
      const allObjects = cameThrough() - beforeMounts;
      await using watcher = await VolumeWatcher.of(node.targets);
      await using warnings = new Warnings(node);

      for (const proxy of proxies) cutOff(proxy);
      const written = Date.now();
      for (let version = 1; version <= 3; version++) {
        for (let object = 0; object < CHANGED; object++) await fleet.write(object, version);
      }
      await fleet.write(OBJECTS, 1);
      const { revision } = fleet.store;
      expect(server.etcdctl(['compact', String(revision), '--physical']).status).toBe(0);
      for (const endpoint of server.endpoints) expect(server.etcdctl(['defrag'], endpoint).status).toBe(0);
      await vi.waitFor(async () => expect(await staleVolumes(node)).toBe(OBJECTS / 4), {
        timeout: 30_000,
        interval: 200,
      });
      await vi.waitFor(() => expect(warnings.volumes.size).toBe(OBJECTS / 4), { timeout: 30_000, interval: 200 });

      expect(shownBy(neighbour).get(0)).toBe(3);
      // The last good contents, for new volumes as well; of what it never read nobody can say anything.
      expect([...shownBy(node).values()]).toEqual(Array.from({ length: OBJECTS }, () => 0));
      await mountSecrets(node, 'cached', [0, OBJECTS - 1]);
      expect(shownBy(node).get(0)).toBe(0);
      await expect(mountSecrets(node, 'unknown', [OBJECTS])).rejects.toMatchObject({ code: 'unavailable' });

      const before = {
        bytes: cameThrough(),
        ranges: await callsOf(server, 'Range'),
        txns: await callsOf(server, 'Txn'),
      };
      const healedAt = Date.now();
      for (const proxy of proxies) heal(proxy);
      await fleet.shows(node, new Map(Array.from({ length: CHANGED }, (_, object) => [object, 3])));
      const caughtUpMs = Date.now() - healedAt;
      await vi.waitFor(async () => expect(await staleVolumes(node)).toBe(0), { timeout: 10_000 });
      // Whatever else would be read.
      await sleep(1_000);
      const healing = {
        bytes: cameThrough() - before.bytes,
        ranges: (await callsOf(server, 'Range')) - before.ranges,
        txns: (await callsOf(server, 'Txn')) - before.txns,
      };
      console.info(`${how}: what healing cost`, {
        caughtUpMs,
        staleMs: Date.now() - written,
        ...healing,
        bytesOfAllObjects: allObjects,
      });
      for (const one of fleet.nodes) await mountSecrets(one, 'unknown', [OBJECTS]);
      await fleet.caughtUp();
      expect(healing.bytes).toBeLessThan(allObjects / 4);
      expect((await watcher.report()).complaints).toEqual([]);
    },
  );
});

/** Which volumes of a node have said that they cannot be kept fresh. */
class Warnings implements AsyncDisposable {
  readonly volumes = new Set<string>();
  readonly #listening: Promise<void>;
  readonly #stop = new AbortController();

  constructor({ client }: EtcdNode) {
    this.#listening = (async () => {
      for await (const { type, reason, volumeId } of client.projector.watchVolumes({}, { signal: this.#stop.signal })) {
        if (type === 'WARNING' && reason === 'SourceStale') this.volumes.add(volumeId);
      }
    })().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#listening;
  }
}

async function staleVolumes({ client }: EtcdNode): Promise<number> {
  const { volumes } = await client.projector.listVolumes({});
  return volumes.filter(({ staleSince }) => staleSince !== '').length;
}

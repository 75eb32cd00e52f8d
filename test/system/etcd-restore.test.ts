import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EtcdFleet, mountSecrets, shownBy } from '../support/etcd/etcd-fleet.ts';
import { restore } from '../support/etcd/etcd-members.ts';
import type { EtcdNode } from '../support/etcd/etcd-node.ts';
import { EtcdServer, isEtcdThere } from '../support/etcd/etcd-server.ts';
import { VolumeWatcher } from '../support/volume/volume-watcher.ts';

const OBJECTS = 8;
/** Made after the snapshot, each in a volume of its own. */
const [LATE, LATE_OPTIONAL] = [OBJECTS, OBJECTS + 1];
const TIMEOUT_MS = 120_000;

describe.runIf(isEtcdThere)('a cluster of etcd restored from an older snapshot (needs etcd)', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await EtcdServer.start({ members: 3 });
  }, 60_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  test('volumes of what is gone keep their contents and say so, until it is applied again; nothing crashes', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using fleet = await EtcdFleet.start(server, '/restored', OBJECTS);
    const nodes = [await fleet.addNode(), await fleet.addNode()];
    for (let object = 0; object < OBJECTS; object++) await fleet.write(object, 1);
    await fleet.caughtUp();
    const snapshot = server.directory.at('snapshot');
    expect(server.etcdctl(['snapshot', 'save', snapshot]).status).toBe(0);

    // Newer than the snapshot: one object's versions 2 to 9, and two objects that it has nothing of.
    for (let version = 2; version < 10; version++) await fleet.write(0, version);
    for (const object of [LATE, LATE_OPTIONAL]) await fleet.write(object, 5);
    for (const node of nodes) {
      await mountSecrets(node, 'late', [LATE]);
      await mountSecrets(node, 'optional', [LATE_OPTIONAL], { optional: true });
    }
    await fleet.caughtUp();
    await using watcher = await VolumeWatcher.of(...nodes.map(({ targets }) => targets));

    await restore(server, snapshot);
    const restoredAt = Date.now();
    for (const node of nodes) {
      await vi.waitFor(async () => expect(await statesOf(node)).toMatchObject(GONE), {
        timeout: 40_000,
        interval: 200,
      });
    }
    const noticedMs = Date.now() - restoredAt;
    for (const node of nodes) {
      const shown = shownBy(node);
      // What is gone stays; what is there is shown as it is there.
      expect([LATE, LATE_OPTIONAL].map((object) => shown.get(object))).toEqual([5, 5]);
      expect(Array.from({ length: OBJECTS }, (_, object) => shown.get(object))).toEqual(Array(OBJECTS).fill(1));
      const { events } = await node.client.events.list({});
      expect(events.map(({ reason, message }) => `${reason} ${message}`).join('\n')).toContain(
        `s${LATE} was there before`,
      );
    }

    // A daemon that comes up in the restored world must not take absence for deletion either.
    const [first] = nodes;
    await first?.kill();
    await first?.begin();
    if (first !== undefined) {
      await vi.waitFor(async () => expect(await statesOf(first)).toMatchObject(GONE), { timeout: 20_000 });
      expect(shownBy(first).get(LATE_OPTIONAL)).toBe(5);
    }

    const appliedAt = Date.now();
    for (const object of [0, LATE, LATE_OPTIONAL]) await fleet.write(object, 10);
    for (const node of nodes) await fleet.shows(node, new Map([0, LATE, LATE_OPTIONAL].map((object) => [object, 10])));
    await fleet.caughtUp();
    const recoveredMs = Date.now() - appliedAt;
    for (const node of nodes) {
      await vi.waitFor(async () => expect(new Set(Object.values(await statesOf(node)))).toEqual(new Set(['READY'])));
    }
    console.info('restored from an older snapshot', { noticedMs, recoveredMs });
    const { complaints } = await watcher.report();
    // Object 0 alone went back, to what the restored store holds.
    const reversals = nodes.map(({ targets }) => `reversed: 1 after 9 in ${targets}/v0/s0`);
    expect([...complaints].sort()).toEqual(reversals.sort());
  });
});

describe.runIf(isEtcdThere)('an etcd restored while no daemon was alive (needs etcd)', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await EtcdServer.start();
  }, 60_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  test('the daemons that come up notice: what is gone keeps its contents, and one of them gives the store another id', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const prefix = '/asleep';
    await using fleet = await EtcdFleet.start(server, prefix, OBJECTS);
    const nodes = [await fleet.addNode(), await fleet.addNode()];
    // From the first contact on, not only when the first two seconds are over.
    expect(seenBy(nodes[1])).toBeGreaterThan(0);
    await fleet.caughtUp();
    const snapshot = server.directory.at('snapshot');
    expect(server.etcdctl(['snapshot', 'save', snapshot]).status).toBe(0);

    for (const object of [0, LATE, LATE_OPTIONAL]) await fleet.write(object, 5);
    for (const node of nodes) {
      await mountSecrets(node, 'late', [LATE]);
      await mountSecrets(node, 'optional', [LATE_OPTIONAL], { optional: true });
      await fleet.shows(node, new Map([[0, 5]]));
    }
    const { revision } = fleet.store;
    for (const node of nodes) {
      await vi.waitFor(() => expect(seenBy(node)).toBeGreaterThanOrEqual(revision), { timeout: 10_000 });
      await node.kill();
    }
    // Nobody is left who could notice.
    await fleet.store[Symbol.asyncDispose]();
    await restore(server, snapshot);
    expect(await idsWritten(server, prefix)).toBe(1);

    await Promise.all(nodes.map((node) => node.begin()));
    for (const node of nodes) {
      await vi.waitFor(async () => expect(await statesOf(node)).toMatchObject(GONE), { timeout: 20_000 });
      // The volume of what went back is refreshed in its turn.
      await vi.waitFor(
        () => expect([0, LATE, LATE_OPTIONAL].map((object) => shownBy(node).get(object))).toEqual([0, 5, 5]),
        { timeout: 20_000 },
      );
      const { events } = await node.client.events.list({});
      expect(events.map(({ message }) => message).join('\n')).toContain(`s${LATE_OPTIONAL} was there before`);
      const watch = node.client.objects.watch({ kind: 'Secret', resourceVersion: String(revision) });
      await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'out-of-range' });
    }
    expect(await idsWritten(server, prefix)).toBe(2);

    // Once told apart it stays the same store: nothing is written, and what is gone is still not taken for deleted.
    for (const node of nodes) {
      await node.kill();
      await node.begin();
      await vi.waitFor(async () => expect(await statesOf(node)).toMatchObject(GONE), { timeout: 20_000 });
      expect(shownBy(node).get(LATE_OPTIONAL)).toBe(5);
    }
    expect(await idsWritten(server, prefix)).toBe(2);

    for (const object of [0, LATE, LATE_OPTIONAL]) await fleet.writeByNode(object, 6);
    for (const node of nodes) {
      await fleet.shows(node, new Map([0, LATE, LATE_OPTIONAL].map((object) => [object, 6])));
      await vi.waitFor(async () => expect(new Set(Object.values(await statesOf(node)))).toEqual(new Set(['READY'])));
    }
    // From here on absence is deletion again.
    const ref = { kind: 'Secret', name: `s${LATE_OPTIONAL}` };
    await nodes[0]?.client.objects.delete({ ref });
    for (const node of nodes) {
      await vi.waitFor(() => expect(shownBy(node).has(LATE_OPTIONAL)).toBe(false), { timeout: 10_000 });
    }
  });
});

/** The revision that a daemon has written down for the one after it. */
function seenBy(node: EtcdNode | undefined): unknown {
  return JSON.parse(readFileSync(`${node?.path}/run/etcd-seen.json`, 'utf8')).revision;
}

/** How often the store was given an id, as etcd counts. */
async function idsWritten(server: EtcdServer, prefix: string): Promise<number> {
  const client = server.client();
  const { kvs } = await client.get(`${prefix}/store-id`).exec();
  client.close();
  return Number(kvs[0]?.version);
}

const GONE = { v0: 'READY', v4: 'READY', late: 'STALE', optional: 'STALE' };

async function statesOf({ client }: EtcdNode): Promise<Record<string, string>> {
  const { volumes } = await client.projector.listVolumes({});
  return Object.fromEntries(volumes.map(({ volumeId, state }) => [volumeId, state]));
}

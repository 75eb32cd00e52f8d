import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { EtcdClient } from '../../src/stores/etcd/client.ts';
import { EtcdElection } from '../../src/stores/etcd/election.ts';
import { EtcdScene } from '../support/etcd/etcd-scene.ts';
import { EtcdServer, isEtcdThere } from '../support/etcd/etcd-server.ts';
import { ManualClock } from '../support/suite/clocks.ts';

describe.runIf(isEtcdThere)('work that one daemon does for all (needs etcd)', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  /** Candidates whose time a test moves. */
  function arrange(scene: EtcdScene, names: readonly string[]) {
    const working = new Set<string>();
    const client = new EtcdClient(server.endpoints, { tls: undefined, login: undefined }, systemClock);
    const key = `${scene.prefix}/elections/chore`;
    const candidates = names.map((name) => {
      const clock = new ManualClock();
      const begin = () => {
        working.add(name);
        return { [Symbol.asyncDispose]: async () => void working.delete(name) };
      };
      const election = new EtcdElection({ client, key, begin, clock, log: silentLog });
      election.start();
      return { name, clock, election };
    });
    return { working, candidates, [Symbol.dispose]: () => client[Symbol.dispose]() };
  }

  test('one has it and keeps it; when it ends, another takes over', async () => {
    await using scene = await EtcdScene.on(server);
    using arranged = arrange(scene, ['a', 'b', 'c']);
    const { working, candidates } = arranged;
    await vi.waitFor(() => expect(working.size).toBe(1));
    const [first = ''] = working;
    for (let turn = 0; turn < 3; turn++) {
      const before = await leaseOf(scene);
      await vi.waitFor(async () => {
        for (const { clock } of candidates) clock.advance(100_000);
        expect(await leaseOf(scene)).not.toBe(before);
      });
      expect([...working]).toEqual([first]);
    }
    const holder = candidates.find(({ name }) => name === first);
    await holder?.election[Symbol.asyncDispose]();
    expect(working.size).toBe(0);
    const others = candidates.filter(({ name }) => name !== first);
    await vi.waitFor(() => {
      for (const { clock } of others) clock.advance(100_000);
      expect(working.size).toBe(1);
    });
    for (const { election } of others) await election[Symbol.asyncDispose]();
    expect(working.size).toBe(0);
    expect(await leaseOf(scene)).toBeUndefined();
  });

  test('one whose key was taken by another ends its work', async () => {
    await using scene = await EtcdScene.on(server);
    using arranged = arrange(scene, ['a']);
    const { working, candidates } = arranged;
    await vi.waitFor(() => expect(working.size).toBe(1));
    await scene.behind.put(`${scene.prefix}/elections/chore`).value('another');
    await vi.waitFor(() => {
      for (const { clock } of candidates) clock.advance(10_000);
      expect(working.size).toBe(0);
    });
    for (const { election } of candidates) await election[Symbol.asyncDispose]();
    expect(await scene.behind.get(`${scene.prefix}/elections/chore`).string()).toBe('another');
  });
});

async function leaseOf(scene: EtcdScene): Promise<string | undefined> {
  const { kvs } = await scene.behind.get(`${scene.prefix}/elections/chore`).exec();
  return kvs[0]?.lease;
}

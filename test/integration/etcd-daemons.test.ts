import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LanternError } from '../../src/base/errors.ts';
import { connect } from '../../src/rpc/client.ts';
import { EtcdServer, isEtcdThere, testKeys } from '../support/etcd/etcd-server.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';

const WHOLE = { source: { secret: { secretName: 'db' } } };

describe.runIf(isEtcdThere)('daemons on one etcd (needs etcd)', () => {
  let server: EtcdServer;
  let prefixes = 0;
  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  /** Flags of daemons that share a prefix of their own. */
  const flags = async () => {
    prefixes += 1;
    const keyFile = server.directory.at('key');
    await testKeys(keyFile);
    const etcdEndpoints = server.endpoints.join(',');
    return {
      store: 'etcd',
      etcdEndpoints,
      etcdPrefix: `/daemons-${prefixes}`,
      keyFile: [keyFile],
      publisher: 'direct',
    };
  };

  const mount = (daemon: DaemonHarness, volumeId = 'v', definition = WHOLE) =>
    daemon.client.projector.mount({ volumeId, definition, targetPath: daemon.target(volumeId) });

  test('what one is told, the other shows within moments', async () => {
    const shared = await flags();
    await using a = await DaemonHarness.start(shared);
    await using b = await DaemonHarness.start(shared);
    expect(b.daemon.readyLine).toContain(`store etcd at ${server.member.clientUrl} below ${shared.etcdPrefix}`);
    await a.applySecret('db', { password: 'one' });
    await mount(b);
    const shown = () => readFileSync(`${b.target('v')}/password`, 'utf8');
    expect(shown()).toBe('one');
    for (const password of ['two', 'three']) {
      await a.applySecret('db', { password });
      await vi.waitFor(() => expect(shown()).toBe(password), { timeout: 5_000, interval: 2 });
    }
  });

  test('while etcd is away volumes keep their contents, cached objects can be mounted, and both catch up', async () => {
    const shared = await flags();
    await using a = await DaemonHarness.start(shared);
    await using b = await DaemonHarness.start(shared);
    await a.applySecret('db', { password: 'one' });
    await mount(b);
    await server.member.kill();
    await vi.waitFor(() => expect(b.logLines.join('')).toContain('out of touch with etcd'), { timeout: 10_000 });
    await mount(b, 'second');
    expect(readFileSync(`${b.target('second')}/password`, 'utf8')).toBe('one');
    const unknown = mount(b, 'third', { source: { secret: { secretName: 'unknown' } } });
    await expect(unknown).rejects.toMatchObject({ code: 'unavailable' });
    const { volumes } = await b.client.projector.listVolumes({});
    expect(volumes.map(({ volumeId, state }) => `${volumeId} ${state}`)).toEqual(['second READY', 'v READY']);
    for (const { staleSince } of volumes) expect(Date.parse(staleSince)).toBeLessThanOrEqual(Date.now());
    expect(readFileSync(`${b.target('v')}/password`, 'utf8')).toBe('one');

    server.member.start();
    await server.answering();
    await a.applySecret('db', { password: 'two' });
    for (const volume of ['v', 'second']) {
      await vi.waitFor(() => expect(readFileSync(`${b.target(volume)}/password`, 'utf8')).toBe('two'), {
        timeout: 10_000,
      });
    }
    const after = await b.client.projector.listVolumes({});
    expect(after.volumes.map(({ staleSince }) => staleSince)).toEqual(['', '']);
  });

  describe('writers of one object, each by its own daemon', () => {
    const ROUNDS = 25;
    const db = (data: Record<string, string>, resourceVersion = '') => ({
      metadata: { name: 'db', resourceVersion },
      configMap: { data },
    });

    async function read({ client }: DaemonHarness) {
      const ref = { kind: 'ConfigMap', name: 'db' };
      const { object } = await client.objects.get({ ref, withData: true, withApplied: true });
      const { data = {} } = object?.configMap ?? {};
      return { data, resourceVersion: object?.metadata?.resourceVersion ?? '', record: object?.applied?.names ?? [] };
    }

    test('who applies a manifest and who adds keys one by one: nothing of either is lost', async () => {
      const shared = await flags();
      await using a = await DaemonHarness.start(shared);
      await using b = await DaemonHarness.start(shared);
      await a.client.objects.apply({ object: db({}) });
      const applying = async () => {
        for (let round = 1; round <= ROUNDS; round++)
          await a.client.objects.apply({ object: db({ mine: String(round) }), mode: 'MERGE' });
      };
      const adding = async () => {
        for (let round = 1; round <= ROUNDS; ) {
          const { data, resourceVersion } = await read(b);
          const next = db({ ...data, [`theirs-${round}`]: 'x' }, resourceVersion);
          const wrote = await b.client.objects.apply({ object: next }).then(
            () => true,
            (error: LanternError) => (error.code === 'aborted' ? false : Promise.reject(error)),
          );
          if (wrote) round++;
        }
      };
      await Promise.all([applying(), adding()]);
      for (const daemon of [a, b]) {
        const { data, record } = await read(daemon);
        const theirs = Array.from({ length: ROUNDS }, (_, index) => [`theirs-${index + 1}`, 'x']);
        expect(data).toEqual({ ...Object.fromEntries(theirs), mine: String(ROUNDS) });
        expect(record).toEqual(['data[mine]']);
      }
    });
  });

  test('token Secrets are filled, by one daemon for all', async () => {
    const shared = await flags();
    await using a = await DaemonHarness.start(shared);
    await using b = await DaemonHarness.start(shared);
    const metadata = { name: 'robot', annotations: { 'kubernetes.io/service-account.name': 'default' } };
    const secret = { type: 'kubernetes.io/service-account-token' };
    await b.client.objects.apply({ object: { metadata, secret } });
    await vi.waitFor(async () => {
      const { object } = await b.client.objects.get({ ref: { kind: 'Secret', name: 'robot' }, withData: true });
      expect(Object.keys(object?.secret?.data ?? {})).toContain('token');
    });
    const fills = [a, b].filter(({ logLines }) => logLines.join('').includes('token Secret filled'));
    expect(fills).toHaveLength(1);
  });

  test('a daemon that starts while etcd is away answers, and is not ready until it is back', async () => {
    const shared = await flags();
    await server.member.kill();
    await using _back = { [Symbol.asyncDispose]: () => server.answering() };
    const starting = DaemonHarness.start({ ...shared, runDir: server.directory.at('run') });
    const client = connect(server.directory.at('run', 'lantern.sock'));
    await vi.waitFor(
      async () => expect(await client.health.check({ service: '' })).toMatchObject({ status: 'NOT_SERVING' }),
      {
        timeout: 5_000,
      },
    );
    server.member.start();
    await using daemon = await starting;
    expect(await client.health.check({ service: '' })).toMatchObject({ status: 'SERVING' });
    client.close();
    expect(daemon.daemon.readyLine).toContain('etcd');
  });
});

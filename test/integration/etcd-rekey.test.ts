import { readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EtcdServer, isEtcdThere, testKeys } from '../support/etcd/etcd-server.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { CommandLine } from '../support/suite/command-line.ts';

const OBJECTS = 12;
const NAMES = Array.from({ length: OBJECTS }, (_, index) => `s${index}`);
const PATIENTLY = { timeout: 5_000 };
/** The key id stands in what it has sealed, after the byte that says the format. */
const sealedBy = (value: Buffer) => value.toString('hex', 1, 9);

describe.runIf(isEtcdThere)('rekey below daemons (needs etcd)', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const keyFile = (name: string) => server.directory.at(name);

  test('as docs/etcd.md has it: two daemons meet nothing that they cannot open, render nothing anew and lose nothing', {
    timeout: 60_000,
  }, async () => {
    const { first: old } = await testKeys(keyFile('old'));
    const { first: fresh } = await testKeys(keyFile('new'));
    const etcdEndpoints = server.endpoints.join(',');
    const etcdPrefix = '/rekey';
    const keyFiles: string[] = [keyFile('old')];
    // Read anew at each start: what a change of the command line is.
    const flags = { store: 'etcd', etcdEndpoints, etcdPrefix, publisher: 'direct', keyFile: keyFiles };
    await using a = await DaemonHarness.start(flags);
    await using b = await DaemonHarness.start(flags);
    const daemons = [a, b];
    let written = 0;
    /** One after the other; in between, what each of them writes is shown by all. */
    const roll = async (...names: readonly string[]) => {
      keyFiles.splice(0, keyFiles.length, ...names.map(keyFile));
      for (const daemon of daemons) {
        await daemon.restart();
        written += 1;
        await daemon.applySecret('s0', { k: `roll ${written}` });
        for (const each of daemons)
          await vi.waitFor(() => expect(shown(each, 's0')).toBe(`roll ${written}`), PATIENTLY);
      }
    };
    await using commands = new CommandLine();
    const rekey = (...names: readonly string[]) =>
      commands.run(
        ...['rekey', '--store', 'etcd', '--etcd-endpoints', etcdEndpoints, '--etcd-prefix', etcdPrefix],
        ...names.flatMap((name) => ['--key-file', keyFile(name)]),
      );
    const behind = server.client();
    await using _ = { [Symbol.asyncDispose]: async () => behind.close() };
    const stored = async () => (await behind.getAll().prefix(`${etcdPrefix}/`).exec()).kvs;
    const sealed = async () => (await stored()).filter(({ key }) => !key.toString().includes('/elections/'));
    const shown = (daemon: DaemonHarness, name: string) => readFileSync(`${daemon.target(name)}/k`, 'utf8');
    const generations = () =>
      daemons.map((daemon) => NAMES.map((name) => readlinkSync(`${daemon.target(name)}/..data`)));

    for (const name of NAMES) await a.applySecret(name, { k: `${name} one` });
    // The filled token Secret brings the signing keys.
    const metadata = { name: 'robot', annotations: { 'kubernetes.io/service-account.name': 'default' } };
    await a.client.objects.apply({ object: { metadata, secret: { type: 'kubernetes.io/service-account-token' } } });
    const robot = async (daemon: DaemonHarness) =>
      (await daemon.client.objects.get({ ref: { kind: 'Secret', name: 'robot' }, withData: true })).object?.secret;
    await vi.waitFor(async () => expect(Object.keys((await robot(a))?.data ?? {})).toContain('token'), PATIENTLY);
    const token = (await robot(a))?.data?.token;
    for (const daemon of daemons) {
      for (const name of NAMES) {
        const definition = { source: { secret: { secretName: name } } };
        await daemon.client.projector.mount({ volumeId: name, definition, targetPath: daemon.target(name) });
      }
    }
    const expected = (await sealed()).map(({ key }) => key.toString());
    expect(expected).toContain(`${etcdPrefix}/store-id`);
    expect(expected.length).toBeGreaterThanOrEqual(OBJECTS + 3);
    expect(new Set((await sealed()).map(({ value }) => sealedBy(value)))).toEqual(new Set([old.id]));

    await roll('old', 'new');
    await roll('new', 'old');
    const due = (await sealed()).filter(({ value }) => sealedBy(value) !== fresh.id);
    expect(due).toHaveLength(expected.length - 1);
    const before = generations();
    const logged = daemons.map(({ logLines }) => logLines.length);
    expect(await rekey('new', 'old')).toEqual({
      code: 0,
      stdout: `${due.length} values encrypted with ${keyFile('new')}; the stored values need no other key\n`,
      stderr: '',
    });
    const after = await sealed();
    expect(after.map(({ key }) => key.toString())).toEqual(expected);
    expect(new Set(after.map(({ value }) => sealedBy(value)))).toEqual(new Set([fresh.id]));

    // Both have heard of it when they answer from memory with the new version.
    for (const { key, mod_revision } of after) {
      const name = key.toString().split('/default/')[1];
      if (name === undefined || !NAMES.includes(name)) continue;
      for (const daemon of daemons) {
        await vi.waitFor(async () => {
          const { object } = await daemon.client.objects.get({ ref: { kind: 'Secret', name } });
          expect(object?.metadata?.resourceVersion).toBe(mod_revision);
        }, PATIENTLY);
      }
    }
    for (const { daemon } of daemons) await daemon.settled();
    expect(generations()).toEqual(before);
    for (const [index, { logLines }] of daemons.entries()) {
      expect(logLines.slice(logged[index]).join('')).not.toMatch(/out of touch|"level":"(?:warn|error)"/);
    }

    // They still follow each object.
    for (const name of NAMES) await a.applySecret(name, { k: `${name} two` });
    for (const name of NAMES) await vi.waitFor(() => expect(shown(b, name)).toBe(`${name} two`), PATIENTLY);
    expect(generations()).not.toEqual(before);

    expect(await rekey('new')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^0 values /) });
    await roll('new');
    for (const daemon of daemons) {
      for (const name of NAMES.slice(1)) expect(shown(daemon, name)).toBe(`${name} two`);
      expect((await robot(daemon))?.data?.token).toEqual(token);
    }
  });

  test('while daemons write, no write is lost', { timeout: 60_000 }, async () => {
    await testKeys(keyFile('old'));
    const { first: fresh } = await testKeys(keyFile('new'));
    const etcdEndpoints = server.endpoints.join(',');
    const etcdPrefix = '/rekey-busy';
    const shared = { store: 'etcd', etcdEndpoints, etcdPrefix, publisher: 'direct' };
    const keys = [keyFile('old'), keyFile('new')];
    await using commands = new CommandLine();
    const rounds = 30;
    {
      await using first = await DaemonHarness.start({ ...shared, keyFile: keys });
      for (const name of NAMES) await first.applySecret(name, { k: '0' });
    }
    await using a = await DaemonHarness.start({ ...shared, keyFile: [...keys].reverse() });
    await using b = await DaemonHarness.start({ ...shared, keyFile: [...keys].reverse() });
    const args = ['--etcd-endpoints', etcdEndpoints, '--etcd-prefix', etcdPrefix];
    const rekeying = commands.run(
      ...['rekey', '--store', 'etcd', ...args, '--key-file', keyFile('new'), '--key-file', keyFile('old')],
    );
    for (let round = 1; round <= rounds; round++) {
      for (const name of NAMES.slice(0, 4)) await (round % 2 ? a : b).applySecret(name, { k: String(round) });
    }
    expect(await rekeying).toMatchObject({ code: 0, stderr: '' });
    for (const [index, name] of NAMES.entries()) {
      const { object } = await b.client.objects.get({ ref: { kind: 'Secret', name }, withData: true });
      expect(Buffer.from(object?.secret?.data?.k ?? '').toString()).toBe(index < 4 ? String(rounds) : '0');
    }
    const behind = server.client();
    const { kvs } = await behind.getAll().prefix(`${etcdPrefix}/objects/`).exec();
    behind.close();
    expect(new Set(kvs.map(({ value }) => sealedBy(value)))).toEqual(new Set([fresh.id]));
  });

  test('a daemon that was not given the new key keeps its volumes, and follows again when it is taken back', {
    timeout: 60_000,
  }, async () => {
    await testKeys(keyFile('old'));
    await testKeys(keyFile('new'));
    const etcdPrefix = '/rekey-early';
    const shared = { store: 'etcd', etcdEndpoints: server.endpoints.join(','), etcdPrefix, publisher: 'direct' };
    await using daemon = await DaemonHarness.start({ ...shared, keyFile: [keyFile('old')] });
    await daemon.applySecret('db', { k: 'one' });
    const shown = () => readFileSync(`${daemon.target('v')}/k`, 'utf8');
    const definition = { source: { secret: { secretName: 'db', optional: true } } };
    await daemon.client.projector.mount({ volumeId: 'v', definition, targetPath: daemon.target('v') });
    await using commands = new CommandLine();
    const rekey = (first: string, second: string) =>
      commands.output(
        ...['rekey', '--store', 'etcd', '--etcd-endpoints', shared.etcdEndpoints, '--etcd-prefix', etcdPrefix],
        ...['--key-file', keyFile(first), '--key-file', keyFile(second)],
      );
    const generation = readlinkSync(`${daemon.target('v')}/..data`);
    await rekey('new', 'old');
    await vi.waitFor(() => expect(daemon.logLines.join('')).toContain('out of touch with etcd'), PATIENTLY);
    await daemon.daemon.settled();
    expect(shown()).toBe('one');
    await rekey('old', 'new');
    await vi.waitFor(() => daemon.applySecret('db', { k: 'two' }), { timeout: 20_000 });
    await vi.waitFor(() => expect(shown()).toBe('two'), PATIENTLY);
    expect(readlinkSync(`${daemon.target('v')}/..data`)).not.toBe(generation);
  });

  test('what no key opens is named and left, with exit code 1', async () => {
    await testKeys(keyFile('old'));
    await testKeys(keyFile('new'));
    const etcdPrefix = '/rekey-partly';
    const shared = { store: 'etcd', etcdEndpoints: server.endpoints.join(','), etcdPrefix, publisher: 'direct' };
    await using daemon = await DaemonHarness.start({ ...shared, keyFile: [keyFile('old')] });
    await daemon.applySecret('fine', { k: '1' });
    const path = `${etcdPrefix}/objects/Secret/default/damaged`;
    const behind = server.client();
    await behind.put(path).value('SECRET BYTES');
    await using commands = new CommandLine();
    const { code, stdout, stderr } = await commands.run(
      ...['rekey', '--store', 'etcd', '--etcd-endpoints', shared.etcdEndpoints, '--etcd-prefix', etcdPrefix],
      ...['--key-file', keyFile('new'), '--key-file', keyFile('old')],
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^\d+ values encrypted with .*; 1 value not changed\n$/);
    expect(stderr).toMatch(`lantern: rekey "${path}": it is damaged`);
    expect(stderr).not.toContain('BYTES');
    expect(String(await behind.get(path).buffer())).toBe('SECRET BYTES');
    behind.close();
  });
});

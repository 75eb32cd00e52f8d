import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isRoot } from '../support/host/privileges.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const DB = { username: 'admin', password: '1f2d1e2e67df' };
const WHOLE = { source: { secret: { secretName: 'db' } } };

async function withSecret(flags: Readonly<Record<string, unknown>> = {}): Promise<DaemonHarness> {
  const harness = await DaemonHarness.start(flags);
  await harness.applySecret('db', DB);
  return harness;
}

function filesOf(directory: string): Record<string, string> {
  const names = readdirSync(directory).filter((name) => !name.startsWith('..'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(`${directory}/${name}`, 'utf8')]));
}

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  return await promise.then(
    () => ({ code: 'OK', message: '' }),
    (error) => ({ code: String(error.code), message: String(error.message) }),
  );
}

describe('mounting', () => {
  it.each([
    ['the link first', ['linked/t', 'real/t']],
    ['the real path first', ['real/t', 'linked/t']],
    ['spelt otherwise', ['real/t', 'real/.//t']],
  ])('one target under two names is one publication: %s', async (_, [first = '', second = '']) => {
    using roots = new TempDir('/dev/shm');
    mkdirSync(roots.at('real'));
    symlinkSync('real', roots.at('linked'));
    await using harness = await withSecret({ targetRoot: [roots.at('linked')] });
    const { projector, node } = harness.client;
    const at = (name: string) => `${roots.at('.')}/${name}`;
    const publications = async () => {
      const { volume } = await projector.getVolume({ volumeId: 'v' });
      return volume?.publications.map(({ targetPath }) => targetPath);
    };
    for (const name of [first, second]) {
      await projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: at(name) });
      expect(await publications()).toEqual([at(first)]);
    }
    expect(filesOf(at('real/t'))).toEqual(DB);
    await expect(node.nodeGetVolumeStats({ volumeId: 'v', volumePath: at(second) })).resolves.toBeDefined();
    await harness.restart();
    await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: at(second) });
    await harness.client.projector.unmount({ volumeId: 'v', targetPath: at(second) });
    expect((await harness.client.projector.listVolumes({})).volumes).toEqual([]);
    expect(readdirSync(at('real'))).toEqual([]);
  });

  it('shows every key of a Secret as a file', async () => {
    await using harness = await withSecret();
    const target = harness.target('db');
    const { volume } = await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: target });
    expect(filesOf(target)).toEqual(DB);
    expect(volume?.state).toBe('READY');
    expect(volume?.generation).toBe(readlinkSync(`${target}/..data`));
    expect(volume?.files.map(({ path, mode }) => [path, mode])).toEqual([
      ['password', 0o644],
      ['username', 0o644],
    ]);
  });

  it('takes a named ProjectedVolume, and follows that object too', async () => {
    await using harness = await withSecret();
    const apply = async (spec: unknown): Promise<void> => {
      const projectedVolume = { specJson: JSON.stringify(spec) };
      await harness.client.objects.apply({ object: { metadata: { name: 'bundle' }, projectedVolume } });
      await harness.daemon.settled();
    };
    await apply({ secret: { secretName: 'db', items: [{ key: 'username', path: 'user' }] } });
    const targetPath = harness.target('named');
    await harness.client.projector.mount({ volumeId: 'n', definition: { projectedVolume: 'bundle' }, targetPath });
    expect(filesOf(targetPath)).toEqual({ user: 'admin' });
    await apply({ secret: { secretName: 'db', items: [{ key: 'password', path: 'pass' }] } });
    expect(filesOf(targetPath)).toEqual({ pass: DB.password });
  });

  it('waits for a missing object when asked to, and says what it waits for', async () => {
    await using harness = await DaemonHarness.start();
    const stop = new AbortController();
    const events = harness.client.projector.watchVolumes({}, { signal: stop.signal })[Symbol.asyncIterator]();
    const targetPath = harness.target('late');
    const first = events.next();
    const mounted = harness.client.projector.mount(
      { volumeId: 'late', definition: WHOLE, targetPath, waitForObjects: true },
      { deadlineMs: 10_000 },
    );
    expect((await first).value).toMatchObject({ type: 'FAILED', volumeId: 'late' });
    await harness.applySecret('db', DB);
    await mounted;
    expect(filesOf(targetPath)).toEqual(DB);
    stop.abort();
  });

  it('says what is missing when the time to wait is up', async () => {
    await using harness = await DaemonHarness.start();
    const request = { volumeId: 'late', definition: WHOLE, targetPath: harness.target('late'), waitForObjects: true };
    await expect(harness.client.projector.mount(request, { deadlineMs: 2_000 })).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('Secret default/db does not exist'),
    });
  });

  it('refuses a missing Secret and leaves nothing at the target', async () => {
    await using harness = await DaemonHarness.start();
    const targetPath = harness.target('missing');
    const answer = await failure(harness.client.projector.mount({ volumeId: 'm', definition: WHOLE, targetPath }));
    expect(answer.code).toBe('failed-precondition');
    expect(answer.message).toContain('db');
    expect(readdirSync(harness.directory.at('targets'))).toEqual([]);
    expect((await harness.client.projector.listVolumes({})).volumes).toEqual([]);
  });

  it('keeps the definition it had when a further target fails', async () => {
    await using harness = await withSecret();
    const targetPath = harness.target('one');
    await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath });
    writeFileSync(harness.target('taken'), 'not empty');
    const other = { source: { secret: { secretName: 'db', items: [{ key: 'username', path: 'only' }] } } };
    const refused = { volumeId: 'v', definition: other, targetPath: harness.target('taken') };
    expect((await failure(harness.client.projector.mount(refused))).code).toBe('failed-precondition');
    await harness.daemon.settled();
    expect(filesOf(targetPath)).toEqual(DB);
    expect(readFileSync(harness.target('taken'), 'utf8')).toBe('not empty');
  });
});

describe('updates', () => {
  it('swap whole volumes, skip subPath ones, and say both', async () => {
    await using harness = await withSecret();
    const stop = new AbortController();
    const whole = harness.target('whole');
    const pinned = harness.target('pinned');
    await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: whole });
    await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: pinned, subPath: 'password' });
    const events = harness.client.projector.watchVolumes({ volumeId: 'v' }, { signal: stop.signal });
    const reader = events[Symbol.asyncIterator]();
    const first = reader.next();
    await harness.applySecret('db', { ...DB, password: 'changed' });
    expect((await first).value).toMatchObject({ type: 'UPDATED', changedPaths: ['password'] });
    expect((await reader.next()).value).toMatchObject({ type: 'UPDATE_SKIPPED', targetPath: pinned });
    expect(filesOf(whole)).toEqual({ ...DB, password: 'changed' });
    expect(readFileSync(pinned, 'utf8')).toBe(DB.password);
    stop.abort();
  });

  it('replace spec and inline data by request', async () => {
    await using harness = await withSecret();
    const targetPath = harness.target('inline');
    const definition = { source: { request: {} } };
    const data = { key: Buffer.from('one') };
    await harness.client.projector.mount({ volumeId: 'i', definition, targetPath, data });
    expect(filesOf(targetPath)).toEqual({ key: 'one' });
    await harness.client.projector.update({ volumeId: 'i', data: { data: { key: Buffer.from('two') } } });
    expect(filesOf(targetPath)).toEqual({ key: 'two' });
    await harness.client.projector.update({ volumeId: 'i', definition: WHOLE });
    expect(filesOf(targetPath)).toEqual(DB);
    expect((await failure(harness.client.projector.update({ volumeId: 'unknown' }))).code).toBe('not-found');
  });

  it('keep the files of a deleted Secret and say so; an optional one empties', async () => {
    await using harness = await withSecret();
    const kept = harness.target('kept');
    const emptied = harness.target('emptied');
    const optional = { source: { secret: { secretName: 'db', optional: true } } };
    await harness.client.projector.mount({ volumeId: 'kept', definition: WHOLE, targetPath: kept });
    await harness.client.projector.mount({ volumeId: 'emptied', definition: optional, targetPath: emptied });
    await harness.client.objects.delete({ ref: { kind: 'Secret', namespace: 'default', name: 'db' } });
    await harness.daemon.settled();
    expect(filesOf(kept)).toEqual(DB);
    expect(filesOf(emptied)).toEqual({});
    const { volume } = await harness.client.projector.getVolume({ volumeId: 'kept' });
    expect(volume).toMatchObject({ state: 'STALE', lastError: expect.stringContaining('db') });
    await harness.applySecret('db', DB);
    expect((await harness.client.projector.getVolume({ volumeId: 'kept' })).volume?.state).toBe('READY');
    expect(filesOf(emptied)).toEqual(DB);
  });

  it('do not empty optional volumes after a restart with an empty store', async () => {
    await using harness = await withSecret({ store: 'memory' });
    const targetPath = harness.target('optional');
    const optional = { source: { secret: { secretName: 'db', optional: true } } };
    await harness.client.projector.mount({ volumeId: 'o', definition: optional, targetPath });
    await harness.restart();
    await harness.daemon.settled();
    expect(filesOf(targetPath)).toEqual(DB);
    expect((await harness.client.projector.getVolume({ volumeId: 'o' })).volume?.state).toBe('STALE');
    await harness.applySecret('db', { only: 'this' });
    expect(filesOf(targetPath)).toEqual({ only: 'this' });
  });

  it('coalesce: many changes while one is written become few generations', async () => {
    await using harness = await withSecret();
    const targetPath = harness.target('busy');
    await harness.client.projector.mount({ volumeId: 'b', definition: WHOLE, targetPath });
    const stop = new AbortController();
    let updates = 0;
    const counting = (async () => {
      for await (const event of harness.client.projector.watchVolumes({}, { signal: stop.signal })) {
        if (event.type === 'UPDATED') updates += 1;
        if (event.type === 'UPDATED' && filesOf(targetPath).password === 'last') return;
      }
    })();
    const sent = Array.from({ length: 200 }, (_, index) => {
      const data = { password: Buffer.from(index === 199 ? 'last' : `${index}`) };
      return harness.client.objects.apply({ object: { metadata: { name: 'db' }, secret: { data } } });
    });
    await Promise.all(sent);
    await counting;
    stop.abort();
    expect(updates).toBeLessThan(200);
    expect(filesOf(targetPath)).toEqual({ password: 'last' });
  });
});

describe('owners', () => {
  it.runIf(isRoot)('belong to whom the spec and the mount group say (needs root)', async () => {
    await using harness = await withSecret();
    const items = [{ key: 'password', path: 'private', mode: 0o400, user: 1234, group: 2345 }];
    const definition = { source: { secret: { secretName: 'db', items } } };
    const plain = harness.target('plain');
    await harness.client.projector.mount({ volumeId: 'p', definition, targetPath: plain });
    const file = statSync(`${plain}/private`);
    expect([file.uid, file.gid, file.mode & 0o7777]).toEqual([1234, 2345, 0o400]);
    const grouped = harness.target('grouped');
    await harness.client.projector.mount({ volumeId: 'g', definition: WHOLE, targetPath: grouped, mountGroup: 3456 });
    const directory = statSync(`${grouped}/..data/`);
    expect([directory.gid, directory.mode & 0o7777]).toEqual([3456, 0o2755]);
    expect(statSync(`${grouped}/password`).gid).toBe(3456);
  });
});

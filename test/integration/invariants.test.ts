// ARCHITECTURE.md lists the invariants; each test here names the one it holds.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mayMount } from '../support/host/privileges.ts';
import { DaemonHarness, mountsBelow } from '../support/projection/daemon-harness.ts';

const PASSWORD = 'pl4nted-s3cret-byt3s';
const WHOLE = { source: { secret: { secretName: 'db' } } };

async function mounted(
  flags: Readonly<Record<string, unknown>> = {},
): Promise<{ harness: DaemonHarness; target: string }> {
  const harness = await DaemonHarness.start(flags);
  await harness.applySecret('db', { password: PASSWORD });
  const target = harness.target('db');
  await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: target });
  return { harness, target };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'OK',
    (error) => String(error.code),
  );
}

function recordFiles(harness: DaemonHarness): string[] {
  return readdirSync(harness.runDirectory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('record.json'))
    .map((path) => join(harness.runDirectory, path));
}

describe('invariants', () => {
  it('invariant 1: published ten times, one mount; a failing republish disturbs nothing', async () => {
    const { harness, target } = await mounted();
    await using _ = harness;
    const mounts = mountsBelow(target).length;
    const inode = statSync(target).ino;
    for (let turn = 0; turn < 10; turn++) {
      await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: target });
    }
    const missing = { source: { secret: { secretName: 'no-such' } } };
    const again = { volumeId: 'v', definition: missing, targetPath: target };
    expect(await codeOf(harness.client.projector.mount(again))).toBe('failed-precondition');
    const elsewhere = { ...again, definition: WHOLE, namespace: 'other' };
    expect(await codeOf(harness.client.projector.mount(elsewhere))).toBe('already-exists');
    expect(mountsBelow(target).length).toBe(mounts);
    expect(statSync(target).ino).toBe(inode);
    expect(readFileSync(`${target}/password`, 'utf8')).toBe(PASSWORD);
    await harness.applySecret('db', { password: 'still followed' });
    expect(readFileSync(`${target}/password`, 'utf8')).toBe('still followed');
  });

  it('invariant 2: unpublishing what is unknown, missing, or no mount is OK, and removes an empty directory', async () => {
    const { harness, target } = await mounted();
    await using _ = harness;
    const unmount = (volumeId: string, targetPath: string) =>
      codeOf(harness.client.node.nodeUnpublishVolume({ volumeId, targetPath }));
    expect(await unmount('unknown', harness.target('missing'))).toBe('OK');
    mkdirSync(harness.target('empty'));
    expect(await unmount('unknown', harness.target('empty'))).toBe('OK');
    writeFileSync(harness.target('lock'), '');
    expect(await unmount('unknown', harness.target('lock'))).toBe('OK');
    expect(await unmount('v', target)).toBe('OK');
    expect(await unmount('v', target)).toBe('OK');
    expect(readdirSync(harness.directory.at('targets'))).toEqual(['lock']);
  });

  it('invariant 4: after a restart updates reach the same mounted file system', async () => {
    const { harness, target } = await mounted();
    await using _ = harness;
    const before = statSync(target);
    await harness.restart();
    expect(readFileSync(`${target}/password`, 'utf8')).toBe(PASSWORD);
    await harness.applySecret('db', { password: 'after the restart' });
    const after = statSync(target);
    expect([after.dev, after.ino]).toEqual([before.dev, before.ino]);
    expect(readFileSync(`${target}/password`, 'utf8')).toBe('after the restart');
  });

  it('invariant 5: restarting over and over keeps the number of mounts constant', async () => {
    const { harness } = await mounted();
    await using _ = harness;
    const mounts = mountsBelow(harness.directory.path).length;
    for (let turn = 0; turn < 5; turn++) await harness.restart();
    expect(mountsBelow(harness.directory.path).length).toBe(mounts);
  });

  it('invariant 6: a corrupt record degrades that volume, until it is mounted again', async () => {
    const { harness, target } = await mounted();
    await using _ = harness;
    await harness.end();
    for (const path of recordFiles(harness)) writeFileSync(path, `{"version":1,"volumeId":"${PASSWORD}`);
    await harness.begin();
    const { volumes } = await harness.client.projector.listVolumes({});
    expect(volumes.map(({ state }) => state)).toEqual(['DEGRADED']);
    expect(readFileSync(`${target}/password`, 'utf8')).toBe(PASSWORD);
    await harness.applySecret('db', { password: 'mended' });
    await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: target });
    expect(readFileSync(`${target}/password`, 'utf8')).toBe('mended');
  });

  it.runIf(mayMount)(
    'invariant 7: a full pool keeps the old contents, says so, and recovers (needs root)',
    async () => {
      const { harness, target } = await mounted({ poolSize: '1Mi' });
      await using _ = harness;
      await harness.applySecret('filler', { blob: 'x'.repeat(500_000) });
      const filler = { source: { secret: { secretName: 'filler' } } };
      const other = { volumeId: 'f', definition: filler, targetPath: harness.target('filler') };
      await harness.client.projector.mount(other);
      await harness.applySecret('db', { password: 'y'.repeat(600_000) });
      expect(readFileSync(`${target}/password`, 'utf8')).toBe(PASSWORD);
      const { volume } = await harness.client.projector.getVolume({ volumeId: 'v' });
      expect(volume).toMatchObject({ state: 'STALE', lastError: expect.stringContaining('pool') });
      await harness.client.projector.unmount(other);
      await harness.client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: target });
      expect(readFileSync(`${target}/password`, 'utf8')).toBe('y'.repeat(600_000));
    },
  );

  it('invariant 8: an update without a change does nothing: no rename, no mtime, no event', async () => {
    const { harness, target } = await mounted();
    await using _ = harness;
    const stop = new AbortController();
    const events = harness.client.projector.watchVolumes({}, { signal: stop.signal })[Symbol.asyncIterator]();
    const next = events.next();
    const before = statSync(target, { bigint: true });
    // Another revision with equal bytes: what the volume holds does not change.
    const labelled = {
      metadata: { name: 'db', labels: { a: 'b' } },
      secret: { data: { password: Buffer.from(PASSWORD) } },
    };
    await harness.client.objects.apply({ object: labelled });
    await harness.daemon.settled();
    const after = statSync(target, { bigint: true });
    expect([after.mtimeNs, after.ctimeNs]).toEqual([before.mtimeNs, before.ctimeNs]);
    await harness.applySecret('db', { password: 'changed' });
    expect((await next).value).toMatchObject({ type: 'UPDATED', changedPaths: ['password'] });
    stop.abort();
  });

  it('invariant 9: a first publish that timed out is not done, nor is an overlapping retry before it is', async () => {
    await using harness = await DaemonHarness.start();
    const request = { volumeId: 'v', definition: WHOLE, targetPath: harness.target('db'), waitForObjects: true };
    const timedOut = codeOf(harness.client.projector.mount(request, { deadlineMs: 300 }));
    const overlapping = codeOf(harness.client.projector.mount({ ...request, waitForObjects: false }));
    expect(await overlapping).toBe('failed-precondition');
    expect(['deadline-exceeded', 'failed-precondition']).toContain(await timedOut);
    expect(readdirSync(harness.directory.at('targets'))).toEqual([]);
    await harness.applySecret('db', { password: PASSWORD });
    const twice = [harness.client.projector.mount(request), harness.client.projector.mount(request)];
    const generations = (await Promise.all(twice)).map(({ volume }) => volume?.generation);
    expect(new Set(generations).size).toBe(1);
  });

  it('invariant 10: 0400 stays 0400 unless the mount group asks for more', async () => {
    const { harness } = await mounted();
    await using _ = harness;
    const definition = { source: { secret: { secretName: 'db', defaultMode: 0o400 } } };
    const alone = harness.target('alone');
    await harness.client.projector.mount({ volumeId: 'alone', definition, targetPath: alone });
    expect(statSync(`${alone}/password`).mode & 0o7777).toBe(0o400);
    const shared = harness.target('shared');
    const mountGroup = process.getgid?.() ?? 0;
    await harness.client.projector.mount({ volumeId: 'shared', definition, targetPath: shared, mountGroup });
    expect(statSync(`${shared}/password`).mode & 0o7777).toBe(0o440);
  });

  it('invariant 11: secret bytes appear in no log at the highest verbosity, nor in a record', async () => {
    const { harness, target } = await mounted();
    await using _ = harness;
    const inline = { token: Buffer.from(PASSWORD) };
    const definition = { source: { projected: { sources: [{ request: {} }, { secret: { name: 'db' } }] } } };
    await harness.client.projector.mount({ volumeId: 'i', definition, targetPath: harness.target('i'), data: inline });
    await codeOf(harness.client.projector.mount({ volumeId: 'i', definition, targetPath: target, data: inline }));
    const volumeContext = { spec: `secret: {secretName: db, items: [{key: "${PASSWORD}` };
    const capability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
    const request = {
      volumeId: 'y',
      targetPath: target,
      volumeCapability: capability,
      volumeContext,
      secrets: { k: PASSWORD },
    };
    expect(await codeOf(harness.client.node.nodePublishVolume(request))).toBe('invalid-argument');
    await harness.applySecret('db', { password: `${PASSWORD}-2` });
    await harness.restart();
    expect(harness.logLines.length).toBeGreaterThan(5);
    expect(harness.logLines.filter((line) => line.includes(PASSWORD))).toEqual([]);
    const records = recordFiles(harness);
    expect(records.length).toBeGreaterThan(0);
    expect(records.filter((path) => readFileSync(path, 'utf8').includes(PASSWORD))).toEqual([]);
  });
});

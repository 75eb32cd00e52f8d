import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listTree } from '../support/host/list-tree.ts';
import { mayMount } from '../support/host/privileges.ts';
import { containerWith, podManifest, secretVolume } from '../support/objects/manifests.ts';
import { DaemonHarness, mountsBelow } from '../support/projection/daemon-harness.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

const PASSWORD = 'pl4nted-p0d-passw0rd';
const TOKEN_PATH = 'var/run/secrets/kubernetes.io/serviceaccount';
const A_DB = { name: 'db', mountPath: '/etc/db' };

const publishers = ['direct', ...(mayMount ? ['bind'] : [])];

describe.each(publishers)('whole pods, publisher %s', (publisher) => {
  async function begin(): Promise<{ harness: DaemonHarness; root: string; mount: Mount }> {
    const harness = await DaemonHarness.start({ publisher });
    await harness.applySecret('db', { password: PASSWORD });
    const root = harness.target('web');
    const mount: Mount = (manifest, request = {}) =>
      harness.client.projector.mountPod({ manifest: JSON.stringify(manifest), rootPath: root, ...request });
    return { harness, root, mount };
  }

  it('one container of two sees the Secret; updates reach it, also after a restart; unmounting leaves nothing', async () => {
    const { harness, root, mount } = await begin();
    await using _ = harness;
    const env = [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }];
    const containers = [containerWith([A_DB]), containerWith([], { name: 'side', env })];
    const answer = await mount(podManifest({ containers }));
    expect(
      answer.containers.map(({ name, mounts, environment }) => [
        name,
        mounts.length,
        environment.map(({ value }) => value.toString()),
      ]),
    ).toEqual([
      ['app', 1, []],
      ['side', 0, [PASSWORD]],
    ]);
    expect(readdirSync(root)).toEqual(['app']);
    expect(readFileSync(`${root}/app/etc/db/password`, 'utf8')).toBe(PASSWORD);
    await harness.restart();
    await harness.applySecret('db', { password: 'changed' });
    expect(readFileSync(`${root}/app/etc/db/password`, 'utf8')).toBe('changed');
    const { pods } = await harness.client.projector.listPods({});
    expect(pods).toMatchObject([{ name: 'web', rootPath: root, volumes: [{ name: 'db', state: 'READY' }] }]);
    for (const _again of [1, 2]) {
      await harness.client.projector.unmountPod({ name: 'web' });
      expect(readdirSync(harness.directory.at('targets'))).toEqual([]);
      expect(mountsBelow(root)).toEqual([]);
    }
    expect(harness.logLines.join('')).not.toContain(PASSWORD);
  });

  it('a daemon that takes all away at its end takes the directories of pods along', async () => {
    await using harness = await DaemonHarness.start({ publisher, unmountOnExit: true });
    await harness.applySecret('db', { password: PASSWORD });
    const manifest = JSON.stringify(podManifest());
    await harness.client.projector.mountPod({ manifest, rootPath: harness.target('web') });
    await harness.end();
    expect(readdirSync(harness.directory.at('targets'))).toEqual([]);
  });

  it('a missing Secret is waited for, with an event; the pod is mounted when it appears', async () => {
    const { harness, root, mount } = await begin();
    await using _ = harness;
    const containers = [containerWith([A_DB, { name: 'late', mountPath: '/late' }])];
    const manifest = podManifest({ volumes: [secretVolume('db'), secretVolume('late')], containers });
    const mounting = mount(manifest, { waitForObjects: true });
    const failures = async () => {
      const { events } = await harness.client.events.list({ involvedKind: 'Pod', involvedName: 'web' });
      return events.filter(({ reason }) => reason === 'FailedMount').map(({ message }) => message);
    };
    await expect.poll(failures).toEqual([expect.stringContaining('Secret default/late does not exist')]);
    expect(readdirSync(harness.directory.at('targets'))).toEqual([]);
    await harness.applySecret('late', { key: 'here' });
    await mounting;
    expect(readFileSync(`${root}/app/late/key`, 'utf8')).toBe('here');
  });

  it('nothing is left of a pod when one volume fails', async () => {
    const { harness, root, mount } = await begin();
    await using _ = harness;
    const mounts = [A_DB, { ...A_DB, mountPath: '/var/key', subPath: 'password' }, { name: 'tls', mountPath: '/tls' }];
    const manifest = podManifest({
      volumes: [secretVolume('db'), secretVolume('tls')],
      containers: [containerWith(mounts)],
    });
    expect(await rejectionOf(mount(manifest))).toMatchObject({
      code: 'failed-precondition',
      message: 'Secret default/tls does not exist',
    });
    expect(readdirSync(harness.directory.at('targets'))).toEqual([]);

    await harness.applySecret('tls', {});
    mkdirSync(`${root}/app/tls`, { recursive: true });
    writeFileSync(`${root}/app/tls/theirs`, '');
    expect((await rejectionOf(mount(manifest))).message).toMatch(/^volume "tls": /);
    expect(listTree(root)).toEqual(['app', 'app/tls', 'app/tls/theirs']);
    expect(mountsBelow(root)).toEqual([]);
    expect((await harness.client.projector.listVolumes({})).volumes).toEqual([]);
    expect((await harness.client.projector.listPods({})).pods).toEqual([]);
  });

  it('the account’s token is mounted by itself, and is the daemon’s own', async () => {
    const { harness, root, mount } = await begin();
    await using _ = harness;
    await mount(podManifest({ automountServiceAccountToken: undefined }));
    const token = readFileSync(`${root}/app/${TOKEN_PATH}/token`, 'utf8');
    const [, claims = ''] = token.split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      sub: 'system:serviceaccount:default:default',
    });
    expect(readFileSync(`${root}/app/${TOKEN_PATH}/namespace`, 'utf8')).toBe('default');
  });

  it('an account that enforces it keeps its pods to the Secrets it names', async () => {
    const { harness, root, mount } = await begin();
    await using _ = harness;
    const annotations = { 'kubernetes.io/enforce-mountable-secrets': 'true' };
    const account = (secrets: string[]) =>
      harness.client.objects.apply({
        object: { metadata: { name: 'default', annotations }, serviceAccount: { secrets } },
      });
    await account([]);
    expect((await rejectionOf(mount(podManifest()))).code).toBe('permission-denied');
    await account(['db']);
    await mount(podManifest());
    expect(readFileSync(`${root}/app/etc/db/password`, 'utf8')).toBe(PASSWORD);
  });

  it('a subPath is a file that keeps its contents; a mount group can read all', async () => {
    const { harness, root, mount } = await begin();
    await using _ = harness;
    const containers = [containerWith([A_DB, { ...A_DB, mountPath: '/var/key', subPath: 'password' }])];
    const group = process.getgid?.() ?? 0;
    await mount(podManifest({ containers, securityContext: { fsGroup: group } }));
    await harness.applySecret('db', { password: 'changed' });
    expect([`${root}/app/etc/db/password`, `${root}/app/var/key`].map((path) => readFileSync(path, 'utf8'))).toEqual([
      'changed',
      PASSWORD,
    ]);
    const { mode, gid } = statSync(`${root}/app/etc/db/password`);
    expect([(mode & 0o777).toString(8), gid]).toEqual(['644', group]);
  });

  it.each<[string, (root: string, outside: string) => void, string, string]>([
    ['a link below the root', (root, outside) => symlinkSync(outside, `${root}/app`), '/etc/db', 'failed-precondition'],
    ['a link deeper down', (root, outside) => plantIn(`${root}/app`, outside, 'etc'), '/etc/db', 'failed-precondition'],
    ['a link at the target', (root, outside) => plantIn(`${root}/app`, outside, 'db'), '/db', 'failed-precondition'],
    ['`..`', () => {}, '/etc/../../../outside', 'invalid-argument'],
    ['a long path', () => {}, `/${'long'.repeat(60)}`.repeat(17), 'invalid-argument'],
  ])('%s leads nowhere', async (_name, plant, mountPath, code) => {
    const { harness, root, mount } = await begin();
    await using _ = harness;
    const outside = harness.target('outside');
    for (const path of [root, outside]) mkdirSync(path);
    plant(root, outside);
    const before = listTree(harness.directory.at('targets'));
    expect(
      (await rejectionOf(mount(podManifest({ containers: [containerWith([{ ...A_DB, mountPath }])] })))).code,
    ).toBe(code);
    expect(listTree(harness.directory.at('targets'))).toEqual(before);
  });
});

function plantIn(directory: string, outside: string, name: string): void {
  mkdirSync(directory);
  symlinkSync(outside, `${directory}/${name}`);
}

type Mount = (manifest: unknown, request?: object) => ReturnType<DaemonHarness['client']['projector']['mountPod']>;

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mountTable } from '../support/host/mounts.ts';
import { canDo, mayMount, NOBODY } from '../support/host/privileges.ts';
import { containerWith, podManifest, secretVolume } from '../support/objects/manifests.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

const A_DB = { name: 'db', mountPath: '/etc/db' };
const SPEC = {
  automountServiceAccountToken: undefined,
  volumes: [secretVolume('db'), secretVolume('tls')],
  containers: [
    containerWith([A_DB, { name: 'tls', mountPath: '/tls.crt', subPath: 'crt' }]),
    containerWith([A_DB], { name: 'side' }),
  ],
};
const MANIFEST = podManifest(SPEC);

describe.runIf(mayMount)('pods on real mounts (needs root)', () => {
  async function begin() {
    const harness = await DaemonHarness.start({ publisher: 'bind' });
    await harness.applySecret('db', { password: 'one' });
    await harness.applySecret('tls', { crt: 'certificate' });
    const root = harness.target('web');
    const mount = (manifest: unknown) =>
      harness.client.projector.mountPod({ manifest: JSON.stringify(manifest), rootPath: root });
    const mounts = () => mountTable().filter(({ mountPoint }) => mountPoint.startsWith(`${root}/`));
    return { harness, root, mount, mounts };
  }

  test('each mount is one read-only bind, however often the pod is mounted; a volume is one for all containers', async () => {
    const { harness, root, mount, mounts } = await begin();
    await using _ = harness;
    for (const _again of [1, 2, 3]) {
      await mount(MANIFEST);
      const below = mounts().map(({ mountPoint }) => mountPoint.slice(root.length));
      const token = '/var/run/secrets/kubernetes.io/serviceaccount';
      expect(below.sort()).toEqual(
        [`/app${token}`, '/app/etc/db', '/app/tls.crt', `/side${token}`, '/side/etc/db'].sort(),
      );
    }
    for (const { options } of mounts()) expect(options).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev']));
    const [one, other] = [`${root}/app/etc/db`, `${root}/side/etc/db`].map((path) => statSync(path));
    expect([other?.dev, other?.ino]).toEqual([one?.dev, one?.ino]);
    expect(readFileSync(`${root}/app/tls.crt`, 'utf8')).toBe('certificate');
  });

  test('a pod whose last mount cannot be made leaves no mount and no directory', async () => {
    const { harness, root, mount, mounts } = await begin();
    await using _ = harness;
    mkdirSync(`${root}/side/etc/db`, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'theirs', `${root}/side/etc/db`]);
    try {
      expect((await rejectionOf(mount(MANIFEST))).message).toMatch(/^volume "db": .*another mount is already there/);
      expect(mounts().map(({ source }) => source)).toEqual(['theirs']);
      expect(readdirSync(root, { recursive: true })).toEqual(['side', 'side/etc', 'side/etc/db']);
      // What is not the daemon's stays where it is, and is no failure.
      await harness.client.projector.unmountPod({ name: 'web', rootPath: root });
      expect(mounts().map(({ source }) => source)).toEqual(['theirs']);
    } finally {
      execFileSync('umount', [`${root}/side/etc/db`]);
    }
  });

  test('a restarted daemon takes everything away', async () => {
    const { harness, mount, mounts } = await begin();
    await using _ = harness;
    await mount(MANIFEST);
    await harness.restart();
    await harness.client.projector.unmountPod({ name: 'web' });
    expect(mounts()).toEqual([]);
    expect(readdirSync(harness.directory.at('targets'))).toEqual([]);
    expect(readdirSync(`${harness.runDirectory}/pools`, { recursive: true })).toHaveLength(1);
    await harness.end();
    expect(readdirSync(`${harness.runDirectory}/pools`)).toEqual([]);
  });

  test('the user of a pod reaches its files, and another one does not', async () => {
    const { harness, root, mount } = await begin();
    await using _ = harness;
    await mount(podManifest({ ...SPEC, securityContext: { runAsUser: NOBODY } }));
    execFileSync('chmod', ['0755', harness.directory.path, harness.directory.at('targets')]);
    const read = ['sh', '-c', `test "$(cat ${root}/app/etc/db/password)" = one`];
    expect([canDo({ uid: NOBODY }, ...read), canDo({ uid: NOBODY - 1 }, ...read)]).toEqual([true, false]);
  });
});

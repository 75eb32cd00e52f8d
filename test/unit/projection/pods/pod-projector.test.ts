import { mkdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { configMapDraft, serviceAccountDraft } from '../../../support/objects/builders.ts';
import { containerWith, podManifest, secretVolume } from '../../../support/objects/manifests.ts';
import { PodWorld } from '../../../support/projection/pod-world.ts';
import { NEVER } from '../../../support/projection/projection-world.ts';
import { rejectionOf } from '../../../support/suite/expectations.ts';

const TOKEN_PATH = 'var/run/secrets/kubernetes.io/serviceaccount';
const A_DB = { name: 'db', mountPath: '/etc/db' };
const two = podManifest({
  volumes: [secretVolume('db'), secretVolume('tls')],
  containers: [containerWith([A_DB, { name: 'tls', mountPath: '/etc/tls' }]), containerWith([A_DB], { name: 'side' })],
});

describe('mounting', () => {
  test('every volume for every container that mounts it; again, nothing more', async () => {
    await using world = await PodWorld.start('db', 'tls', 'unused');
    for (const _ of [1, 2]) {
      const { status, containers } = await world.mount(two);
      expect(world.mounts()).toEqual(['db at web/app/etc/db', 'db at web/side/etc/db', 'tls at web/app/etc/tls']);
      expect(world.files('db')).toEqual({ key: 'db' });
      expect(status).toMatchObject({
        namespace: 'default',
        name: 'web',
        uid: 'u-1',
        root: world.root,
        volumes: [
          { name: 'db', state: 'ready' },
          { name: 'tls', state: 'ready' },
        ],
      });
      expect(containers.map(({ name, mounts }) => [name, mounts.map(({ target }) => target)])).toEqual([
        ['app', [`${world.root}/app/etc/db`, `${world.root}/app/etc/tls`]],
        ['side', [`${world.root}/side/etc/db`]],
      ]);
    }
    expect(world.projection.mounter.actions.filter(({ type }) => type === 'bind')).toHaveLength(3);
    expect(world.pods.list()).toHaveLength(1);
  });

  test('a volume that no container mounts is not made, and its Secret need not be there', async () => {
    await using world = await PodWorld.start('db');
    await world.mount(podManifest({ volumes: [secretVolume('db'), secretVolume('none')] }));
    expect(world.mounts()).toEqual(['db at web/app/etc/db']);
  });

  test('what is not Lantern’s is left out and told of', async () => {
    await using world = await PodWorld.start('db');
    const mounts = [A_DB, { name: 'tmp', mountPath: '/etc' }];
    const volumes = [secretVolume('db'), { name: 'tmp', emptyDir: {} }];
    const { notices } = await world.mount(podManifest({ volumes, containers: [containerWith(mounts)] }));
    expect(notices).toMatchObject([
      { reason: 'UnsupportedVolume', message: expect.stringMatching(/"tmp".* emptyDir/) },
    ]);
    expect(world.mounts()).toEqual(['db at web/app/etc/db']);
  });

  test.each([
    ['u-1', true, []],
    ['', false, ['PodWithoutUid']],
    ['', true, ['PodWithoutUid']],
  ])('the uid "%s" is shown (in a variable, too: %s): %j', async (uid, inVariable, reasons) => {
    await using world = await PodWorld.start('db');
    const fieldRef = { fieldPath: 'metadata.uid' };
    const volumes = [secretVolume('db'), { name: 'facts', downwardAPI: { items: [{ path: 'uid', fieldRef }] } }];
    const env = inVariable ? [{ name: 'UID', valueFrom: { fieldRef } }] : [];
    const containers = [containerWith([A_DB, { name: 'facts', mountPath: '/facts' }], { env })];
    const { notices } = await world.mount(podManifest({ volumes, containers }, { uid }));
    expect(notices.map(({ reason }) => reason)).toEqual(reasons);
  });

  test('an image that has no proper name costs its credentials, not the volumes', async () => {
    await using world = await PodWorld.start('db');
    const { notices } = await world.mount(podManifest({ containers: [containerWith([A_DB], { image: 'A B' })] }));
    expect(notices).toMatchObject([{ reason: 'InvalidImageName' }]);
    expect(world.mounts()).toEqual(['db at web/app/etc/db']);
  });

  test('only the containers asked for', async () => {
    await using world = await PodWorld.start('db', 'tls');
    await world.mount(two, { containers: ['side'] });
    expect(world.mounts()).toEqual(['db at web/side/etc/db']);
    const error = await rejectionOf(world.mount(two, { containers: ['side', 'x'] }));
    expect(error).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('no container "x"; there are app, side'),
    });
  });

  test('volumes of two pods, and of one pod at two roots, have ids of their own', async () => {
    await using world = await PodWorld.start('db');
    const other = podManifest({}, { name: 'web-2' });
    await world.mount(podManifest());
    await world.mount(podManifest(), { root: `${world.root}-b/` });
    await world.mount(other, { root: `${world.root}-c` });
    const ids = world.pods.list().flatMap(({ volumes }) => volumes.map(({ volumeId }) => volumeId));
    expect(new Set(ids).size).toBe(3);
    await world.pods.unmount({ namespace: 'default', name: 'web', root: undefined }, NEVER);
    expect(world.pods.list().map(({ name, root }) => [name, root])).toEqual([['web-2', `${world.root}-c`]]);
    expect(world.tree().filter((path) => !path.startsWith('web-c'))).toEqual([]);
  });
});

describe('all or nothing', () => {
  test('nothing is left of a pod whose second volume fails', async () => {
    await using world = await PodWorld.start('db', 'tls');
    const target = `${world.root}/app/etc/tls`;
    mkdirSync(target, { recursive: true });
    writeFileSync(`${target}/theirs`, '');
    const before = world.tree();
    expect((await rejectionOf(world.mount(two))).message).toMatch(/^volume "tls": .*has contents/);
    expect([world.mounts(), world.tree()]).toEqual([[], before]);
  });

  test('nor of one whose containers have more variables than an answer can hold', async () => {
    await using world = await PodWorld.start('db');
    await world.store(configMapDraft('big', { blob: 'x'.repeat(1_000_000) }));
    const envFrom = [{ configMapRef: { name: 'big' } }];
    const pod = (containers: number) =>
      podManifest({
        volumes: [secretVolume('db')],
        containers: Array.from({ length: containers }, (_, index) =>
          containerWith([A_DB], { name: `c${index}`, envFrom }),
        ),
      });
    expect(await rejectionOf(world.mount(pod(9)))).toMatchObject({ code: 'resource-exhausted' });
    expect(world.mounts()).toEqual([]);
    expect((await world.mount(pod(8))).containers).toHaveLength(8);
  });

  test('nor of one whose last mount the kernel refuses', async () => {
    await using world = await PodWorld.start('db', 'tls');
    const mounts = [A_DB, { ...A_DB, mountPath: '/b' }];
    const request = podManifest({ containers: [containerWith(mounts)] });
    await world.mount(podManifest({}, { name: 'other' }), { root: `${world.root}-other` });
    const before = [world.mounts(), world.tree()];
    const { mounter } = world.projection;
    const bind = mounter.bind.bind(mounter);
    mounter.bind = (...args) => {
      if (args[1].target.endsWith('/b')) mounter.failNext('bind', constants.errno.ENOMEM);
      return bind(...args);
    };
    expect((await rejectionOf(world.mount(request))).code).toBe('resource-exhausted');
    expect([world.mounts(), world.tree()]).toEqual(before);
  });

  test('a failing repeat leaves mounts and contents as they were', async () => {
    await using world = await PodWorld.start('db', 'tls');
    await world.mount(podManifest());
    const before = [world.mounts(), world.tree(), world.files('db')];
    const target = `${world.root}/app/etc/tls`;
    mkdirSync(target, { recursive: true });
    writeFileSync(`${target}/theirs`, '');
    const items = [{ key: 'key', path: 'renamed' }];
    const changed = podManifest({
      volumes: [secretVolume('db', { items }), secretVolume('tls')],
      containers: [containerWith([{ ...A_DB, mountPath: '/etc/new' }, A_DB, { name: 'db', mountPath: '/etc/tls' }])],
    });
    await rejectionOf(world.mount(changed));
    await world.projection.projector.settled();
    expect([world.mounts(), world.files('db')]).toEqual([before[0], before[2]]);
    expect(world.tree().filter((path) => !path.includes('tls'))).toEqual(before[1]);
  });

  test('an abort between two volumes takes the first away again', async () => {
    await using world = await PodWorld.start('db', 'tls');
    const stop = new AbortController();
    const { mounter } = world.projection;
    const bind = mounter.bind.bind(mounter);
    mounter.bind = (...args) => {
      stop.abort();
      return bind(...args);
    };
    await world.mount(two, {}, stop.signal).catch(() => {});
    expect([world.mounts(), world.tree()]).toEqual([[], []]);
    expect(mounter.actions.filter(({ type }) => type === 'bind')).toHaveLength(1);
  });
});

describe('a repeat of a changed manifest', () => {
  test('adds what is new, takes away what is gone, and renders what has changed', async () => {
    await using world = await PodWorld.start('db', 'tls');
    await world.mount(two);
    const items = [{ key: 'key', path: 'renamed' }];
    const changed = podManifest({
      volumes: [secretVolume('db', { items })],
      containers: [containerWith([A_DB]), containerWith([{ ...A_DB, mountPath: '/new' }], { name: 'other' })],
    });
    await world.mount(changed);
    expect(world.mounts()).toEqual(['db at web/app/etc/db', 'db at web/other/new']);
    expect(world.files('db')).toEqual({ renamed: 'db' });
    expect(world.tree()).toEqual(['web', 'web/app', 'web/app/etc', 'web/app/etc/db', 'web/other', 'web/other/new']);
  });

  test('what is mounted for containers that were not asked for stays', async () => {
    await using world = await PodWorld.start('db', 'tls');
    await world.mount(two);
    await world.mount(two, { containers: ['side'] });
    expect(world.mounts()).toEqual(['db at web/app/etc/db', 'db at web/side/etc/db', 'tls at web/app/etc/tls']);
  });

  test('a mount that shall show something else is refused, and stays', async () => {
    await using world = await PodWorld.start('db');
    await world.mount(podManifest());
    const changed = podManifest({ containers: [containerWith([{ ...A_DB, subPath: 'key' }])] });
    expect((await rejectionOf(world.mount(changed))).code).toBe('already-exists');
    const recreated = podManifest({}, { uid: 'u-2' });
    expect((await rejectionOf(world.mount(recreated))).message).toMatch(/another pod uid; unpublish it first/);
    expect(world.mounts()).toEqual(['db at web/app/etc/db']);
  });
});

describe('waiting', () => {
  test('until what is missing appears; an event says what, once', async () => {
    await using world = await PodWorld.start('db');
    const manifest = podManifest({
      volumes: [secretVolume('db'), secretVolume('late')],
      containers: [
        containerWith([A_DB, { name: 'late', mountPath: '/late' }], { envFrom: [{ secretRef: { name: 'env' } }] }),
      ],
    });
    const mounting = world.mount(manifest, { waitForObjects: true });
    const { clock, recorded } = world.projection;
    const failures = () => recorded.filter(({ reason }) => reason === 'FailedMount').map(({ message }) => message);
    await expect
      .poll(failures)
      .toEqual([expect.stringMatching(/Secret default\/late does not exist; Secret default\/env does not exist$/)]);
    expect(recorded[0]).toMatchObject({ involved: { kind: 'Pod', name: 'web', uid: 'u-1' }, type: 'Warning' });
    const waits = clock.pending;
    clock.advance(60_000);
    await expect.poll(() => clock.pending).toBe(waits);
    await world.projection.apply('env', { VARIABLE: 'v' });
    await expect
      .poll(failures)
      .toEqual([expect.anything(), expect.stringMatching(/: Secret default\/late does not exist$/)]);
    expect([world.mounts(), world.tree()]).toEqual([[], []]);
    await world.projection.apply('late', { key: 'late' });
    const { containers } = await mounting;
    expect(containers[0]?.environment).toMatchObject([{ name: 'VARIABLE' }]);
    expect(world.mounts()).toEqual(['db at web/app/etc/db', 'late at web/app/late']);
  });

  test('when time is up the error says what is missing; without waiting at once', async () => {
    await using world = await PodWorld.start();
    const stop = new AbortController();
    const mounting = world.mount(podManifest({ serviceAccountName: 'robot' }), { waitForObjects: true }, stop.signal);
    await expect.poll(() => world.projection.recorded.length).toBe(1);
    stop.abort();
    const missing = { code: 'failed-precondition', reason: 'MISSING_OBJECTS' };
    expect(await rejectionOf(mounting)).toMatchObject({
      ...missing,
      message: 'ServiceAccount default/robot does not exist',
    });
    expect(await rejectionOf(world.mount(podManifest()))).toMatchObject({
      ...missing,
      message: 'Secret default/db does not exist',
    });
  });

  test('a subPath that is not there yet is a key that is missing', async () => {
    await using world = await PodWorld.start('db');
    const manifest = podManifest({
      containers: [containerWith([A_DB, { ...A_DB, mountPath: '/late', subPath: 'late' }])],
    });
    expect(await rejectionOf(world.mount(manifest))).toMatchObject({ code: 'not-found', reason: 'MISSING_OBJECTS' });
    const mounting = world.mount(manifest, { waitForObjects: true });
    const waiting = () =>
      world.projection.recorded.filter(({ message }) => message.startsWith('waiting to mount the pod'));
    await expect.poll(waiting).toHaveLength(1);
    expect([world.mounts(), world.tree()]).toEqual([[], []]);
    await world.projection.apply('db', { key: 'k', late: 'l' });
    await mounting;
    expect(world.mounts()).toEqual(['db at web/app/etc/db', 'db at web/app/late']);
  });

  test('an unmount does not wait for a pod that waits', async () => {
    await using world = await PodWorld.start();
    const stop = new AbortController();
    const { pods } = world;
    const mounting = pods.mount(world.request(podManifest(), { waitForObjects: true }), stop.signal);
    await expect.poll(() => world.projection.recorded.length).toBe(1);
    await pods.unmount({ namespace: 'default', name: 'web', root: undefined }, NEVER);
    stop.abort();
    await rejectionOf(mounting);
  });
});

describe('the account', () => {
  const withToken = { automountServiceAccountToken: undefined };

  test.each<[string, Record<string, unknown>, boolean | undefined, boolean]>([
    ['by default', withToken, undefined, true],
    ['the account says no', withToken, false, false],
    ['the pod overrules it', { automountServiceAccountToken: true }, false, true],
    ['the pod says no', { automountServiceAccountToken: false }, true, false],
  ])('its token, %s', async (_, spec, automountServiceAccountToken, isMounted) => {
    await using world = await PodWorld.start('db');
    await world.store(serviceAccountDraft('default', { automountServiceAccountToken }));
    await world.store(configMapDraft('kube-root-ca.crt', { 'ca.crt': 'CA' }));
    await world.mount(podManifest(spec));
    expect(world.mounts()).toEqual([
      'db at web/app/etc/db',
      ...(isMounted ? [`kube-api-access at web/app/${TOKEN_PATH}`] : []),
    ]);
    if (isMounted) {
      const { token, ...rest } = world.files('kube-api-access');
      expect(rest).toEqual({ namespace: 'default', 'ca.crt': 'CA' });
      expect(token).not.toBe('');
    }
  });

  test('a token handed in is used; containers that have something there keep that', async () => {
    await using world = await PodWorld.start('db');
    const own = { name: 'db', mountPath: `/${TOKEN_PATH}` };
    const volumes = [secretVolume('db'), secretVolume('kube-api-access')];
    const containers = [containerWith([own]), containerWith([], { name: 'side' })];
    const tokens = new Map([['', { token: 'handed-in', expirationTimestamp: '2036-01-01T00:00:00Z' }]]);
    await world.mount(podManifest({ ...withToken, volumes, containers }), { tokens });
    expect(world.mounts()).toEqual([`db at web/app/${TOKEN_PATH}`, `kube-api-access-2 at web/side/${TOKEN_PATH}`]);
    expect(world.files('kube-api-access-2')).toEqual({ namespace: 'default', token: 'handed-in' });
  });

  test.each(['/var/run/secrets', `/${TOKEN_PATH}/more`])('a volume at %s leaves no room for it', async (mountPath) => {
    await using world = await PodWorld.start('db');
    const manifest = podManifest({ ...withToken, containers: [containerWith([{ name: 'db', mountPath }])] });
    const error = await rejectionOf(world.mount(manifest));
    expect(error).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('set automountServiceAccountToken to false'),
    });
    expect([world.mounts(), world.tree()]).toEqual([[], []]);
  });

  test('may keep its pods to the Secrets that it names; all that it does not are told of', async () => {
    await using world = await PodWorld.start('db', 'allowed');
    const account = serviceAccountDraft('default', { secrets: ['allowed'], imagePullSecrets: ['pull'] });
    const metadata = {
      ...account.metadata,
      annotations: new Map([['kubernetes.io/enforce-mountable-secrets', 'true']]),
    };
    await world.store({ ...account, metadata });
    const sources = [{ secret: { name: 'allowed' } }, { secret: { name: 'projected', optional: true } }];
    const manifest = podManifest({
      imagePullSecrets: [{ name: 'pull' }, { name: 'pull-2' }],
      volumes: [secretVolume('db'), { name: 'mixed', projected: { sources } }],
      containers: [
        containerWith([A_DB], {
          envFrom: [{ secretRef: { name: 'from' } }, { configMapRef: { name: 'map' } }],
          env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'one', key: 'k' } } }],
        }),
      ],
    });
    const error = await rejectionOf(world.mount(manifest));
    expect(error.code).toBe('permission-denied');
    expect(error.message.match(/"[a-z0-9-]+" is not/g)).toEqual([
      '"db" is not',
      '"projected" is not',
      '"from" is not',
      '"one" is not',
      '"pull-2" is not',
    ]);
    await world.mount(
      podManifest({
        volumes: [secretVolume('allowed')],
        containers: [containerWith([{ name: 'allowed', mountPath: '/a' }])],
      }),
    );
  });
});

describe('subPathExpr', () => {
  const mountAt = (subPathExpr: string) => [{ ...A_DB, subPathExpr }];
  const env = [
    { name: 'KEY', value: 'key' },
    { name: 'OUT', value: '..' },
    { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'db', key: 'key' } } },
    { name: 'TAINTED', value: '$(SECRET)' },
  ];

  test('is expanded with the container’s variables', async () => {
    await using world = await PodWorld.start('db');
    const { containers } = await world.mount(podManifest({ containers: [containerWith(mountAt('$(KEY)'), { env })] }));
    expect(containers[0]?.mounts).toMatchObject([{ subPath: 'key' }]);
  });

  test.each([
    ['$(NONE)/$(KEY)', /^container "app": the subPathExpr of "\/etc\/db": it needs "NONE", /],
    ['a/$(OUT)', /must not contain '\.\.'/],
    ['$(SECRET)', /not come from a Secret/],
    ['$(TAINTED)', /it needs "TAINTED", which must .* not come from a Secret/],
  ])('%s is refused', async (expression, message) => {
    await using world = await PodWorld.start('db');
    const manifest = podManifest({ containers: [containerWith(mountAt(expression), { env })] });
    expect(await rejectionOf(world.mount(manifest))).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(message),
    });
    expect([world.mounts(), world.tree()]).toEqual([[], []]);
  });
});

describe('unmounting', () => {
  test('waits for a mount of the same pod that is under way', async () => {
    await using world = await PodWorld.start('db', 'tls');
    const { pods } = world;
    const mounting = pods.mount(world.request(two), NEVER);
    // Behind the first step of it, so that the lock is what decides.
    await Promise.resolve();
    await Promise.resolve();
    await pods.unmount({ namespace: 'default', name: 'web', root: undefined }, NEVER);
    await mounting;
    expect([world.mounts(), world.tree()]).toEqual([[], []]);
  });

  test('takes all away, the root too; again, and of what never was, nothing happens', async () => {
    await using world = await PodWorld.start('db', 'tls');
    const { pods } = world;
    await pods.unmount({ namespace: 'default', name: 'web', root: world.root }, NEVER);
    await world.mount(two);
    for (const root of [`${world.root}/`, undefined]) {
      await pods.unmount({ namespace: 'default', name: 'web', root }, NEVER);
      expect([world.mounts(), world.tree(), pods.list()]).toEqual([[], [], []]);
    }
  });

  test('after a restart', async () => {
    await using world = await PodWorld.start('db', 'tls');
    await world.mount(two);
    await world.projection.restart();
    expect(world.pods.list()).toMatchObject([
      { name: 'web', root: world.root, volumes: [{ name: 'db' }, { name: 'tls' }] },
    ]);
    await world.pods.unmount({ namespace: 'default', name: 'web', root: undefined }, NEVER);
    expect([world.mounts(), world.tree()]).toEqual([[], []]);
  });

  test('what others have put there stays, and links are not followed', async () => {
    await using world = await PodWorld.start('db', 'tls');
    await world.mount(two);
    writeFileSync(`${world.root}/app/etc/theirs`, '');
    await world.pods.unmount({ namespace: 'default', name: 'web', root: undefined }, NEVER);
    expect(world.tree()).toEqual(['web', 'web/app', 'web/app/etc', 'web/app/etc/theirs']);
  });

  test('a root that is left empty is removed when it is named', async () => {
    await using world = await PodWorld.start();
    mkdirSync(world.root);
    await world.pods.unmount({ namespace: 'default', name: 'web', root: world.root }, NEVER);
    expect(world.tree()).toEqual([]);
  });
});

test('a link planted below the root leads nowhere', async () => {
  await using world = await PodWorld.start('db');
  mkdirSync(world.projection.target('outside'));
  mkdirSync(world.root);
  symlinkSync(world.projection.target('outside'), `${world.root}/app`);
  expect((await rejectionOf(world.mount(podManifest()))).code).toBe('failed-precondition');
  // Only an empty directory can be removed so.
  rmdirSync(world.projection.target('outside'));
});

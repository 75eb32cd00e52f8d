import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LanternError } from '../../src/base/errors.ts';
import { inlineVolumeId } from '../../src/rpc/csi/host-kubernetes.ts';
import type { NodePublishVolumeRequest } from '../../src/rpc/generated/csi/v1/NodePublishVolumeRequest.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { isRoot } from '../support/host/privileges.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';

const DB = { username: 'admin', password: '1f2d1e2e67df' };
const UID = '6f0a4ab2-5a5c-4a5e-9d3c-000000000001';

const CAPABILITY: VolumeCapability = {
  mount: { fsType: '', mountFlags: [], volumeMountGroup: '' },
  accessMode: { mode: 'SINGLE_NODE_WRITER' },
};

/** Everything a valid publish has, but for the target. */
const VALID = {
  volumeId: 'valid',
  volumeCapability: CAPABILITY,
  readonly: true,
  volumeContext: { secretName: 'db' } as Record<string, string>,
};

function mountWith(mount: VolumeCapability['mount']): { volumeCapability: VolumeCapability } {
  return { volumeCapability: { ...CAPABILITY, mount: { ...CAPABILITY.mount, ...mount } } };
}

function withMode(mode: NonNullable<VolumeCapability['accessMode']>['mode']): { volumeCapability: VolumeCapability } {
  return { volumeCapability: { ...CAPABILITY, accessMode: mode === undefined ? {} : { mode } } };
}

function contentsOf(directory: string): Record<string, string> {
  const names = readdirSync(directory).filter((name) => !name.startsWith('..'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(`${directory}/${name}`, 'utf8')]));
}

/** `code: message` of a call that must fail. */
async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('the call was accepted'),
    (reason: unknown) => reason,
  );
  if (error instanceof LanternError) return `${error.code}: ${error.message}`;
  throw error;
}

let harness: DaemonHarness;

beforeAll(async () => {
  harness = await DaemonHarness.start({ driverName: 'lantern.test', nodeId: 'node-7' });
  await harness.applySecret('db', DB);
});

afterAll(() => harness[Symbol.asyncDispose]());

const publish = (request: NodePublishVolumeRequest) => harness.client.node.nodePublishVolume(request);
const unpublish = (volumeId: string, targetPath: string) =>
  harness.client.node.nodeUnpublishVolume({ volumeId, targetPath });

describe('Identity', () => {
  it('says who it is and that it is ready', async () => {
    const { identity } = harness.client;
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await identity.getPluginInfo({})).toMatchObject({ name: 'lantern.test', vendorVersion: version });
    expect(await identity.getPluginCapabilities({})).toEqual({
      capabilities: [{ service: { type: 'CONTROLLER_SERVICE' }, type: 'service' }],
    });
    expect(await identity.probe({})).toEqual({ ready: { value: true } });
  });
});

describe('NodeGetInfo and NodeGetCapabilities', () => {
  it('name the node and what it can do', async () => {
    const { node } = harness.client;
    expect(await node.nodeGetInfo({})).toMatchObject({ nodeId: 'node-7', maxVolumesPerNode: 0 });
    const { capabilities } = await node.nodeGetCapabilities({});
    const types = capabilities.map(({ rpc }) => rpc?.type);
    const always = ['GET_VOLUME_STATS', 'VOLUME_CONDITION', 'SINGLE_NODE_MULTI_WRITER'];
    expect(types).toEqual(isRoot ? [...always, 'VOLUME_MOUNT_GROUP'] : always);
  });
});

describe('NodePublishVolume', () => {
  const FAULTY: [string, NodePublishVolumeRequest, string][] = [
    ['no volume_id', { volumeId: '' }, 'volume_id: is required'],
    ['a long volume_id', { volumeId: 'v'.repeat(129) }, 'volume_id: must be no more than 128 bytes'],
    ['no target_path', { targetPath: '' }, 'target_path: is required'],
    ['a relative target_path', { targetPath: 'some/path' }, 'target_path: must be an absolute path'],
    ['no volume_capability', { volumeCapability: null }, 'volume_capability: is required'],
    [
      'neither block nor mount',
      { volumeCapability: { accessMode: { mode: 'SINGLE_NODE_WRITER' } } },
      'volume_capability.mount: is required',
    ],
    [
      'block access',
      { volumeCapability: { block: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } } },
      'volume_capability.block: is not supported: a volume is a directory of files; request mount',
    ],
    ['no access mode', { volumeCapability: { mount: {} } }, 'volume_capability.access_mode: is required'],
    [
      'an unknown access mode',
      withMode('UNKNOWN'),
      'volume_capability.access_mode.mode: must be one of SINGLE_NODE_WRITER, ',
    ],
    ['a file system', mountWith({ fsType: 'ext4' }), 'volume_capability.mount.fs_type: must be empty'],
    [
      'a mount flag of another kind',
      mountWith({ mountFlags: ['noexec', 'password=hunter2'] }),
      'volume_capability.mount.mount_flags[1]: must be one of noexec, nosymfollow',
    ],
    [
      'mount flags past the limit',
      mountWith({ mountFlags: Array<string>(700).fill('noexec') }),
      'volume_capability.mount.mount_flags: hold 4200 bytes, CSI allows 4096',
    ],
    [
      'nosymfollow for the whole volume',
      mountWith({ mountFlags: ['nosymfollow'] }),
      'volume_capability.mount.mount_flags[0]: nosymfollow needs a subPath',
    ],
    ...['-1', '4294967295', 'staff', '1.5', ' 1', '0x10', '007'].map(
      (volumeMountGroup): [string, NodePublishVolumeRequest, string] => [
        `the group "${volumeMountGroup}"`,
        mountWith({ volumeMountGroup }),
        'volume_capability.mount.volume_mount_group: must be a group id between 0 and 4294967294',
      ],
    ),
    ['no definition', { volumeContext: {} }, 'volume_context: must have one of spec, '],
    [
      'an unknown key',
      { volumeContext: { secretname: 'db' }, secrets: { a: 'b' } },
      'volume_context[secretname]: is not a known key; did you mean "secretName"?',
    ],
    ['a bad secret key', { secrets: { 'a/b': 'hunter2' } }, 'secrets[a/b]: a key has letters'],
  ];

  it.each(FAULTY)('refuses %s', async (_name, changes, message) => {
    const targetPath = harness.target('refused');
    const answer = await refusal(publish({ ...VALID, targetPath, ...changes }));
    expect(answer.slice(0, `invalid-argument: ${message}`.length)).toBe(`invalid-argument: ${message}`);
    expect(answer).not.toContain('hunter2');
    expect(answer).not.toContain('; volume_');
    expect(existsSync(targetPath)).toBe(false);
  });

  it('names all that is missing before what volume_context says', async () => {
    expect(await refusal(publish({ volumeContext: { bogus: '1' } }))).toBe(
      'invalid-argument: volume_id: is required; target_path: is required; volume_capability: is required',
    );
  });

  it('names every other fault at once', async () => {
    const request = {
      ...VALID,
      ...mountWith({ fsType: 'xfs' }),
      targetPath: 'relative',
      volumeContext: { bogus: '1' },
    };
    const answer = await refusal(publish(request));
    for (const field of ['target_path: ', 'volume_capability.mount.fs_type: ', 'volume_context[bogus]: ']) {
      expect(answer).toContain(field);
    }
  });

  it('shows the Secret at the target, again and again, until it is unpublished, again and again', async () => {
    const targetPath = harness.target('lifecycle');
    for (let round = 0; round < 3; round++) await publish({ ...VALID, volumeId: 'lifecycle', targetPath });
    expect(contentsOf(targetPath)).toEqual(DB);
    for (let round = 0; round < 3; round++) await unpublish('lifecycle', targetPath);
    expect(existsSync(targetPath)).toBe(false);
  });

  it('renders the secrets of the request, a file per key, with the tokens left out', async () => {
    const targetPath = harness.target('request');
    const tokens = JSON.stringify({ vault: { token: 't', expirationTimestamp: '2026-11-25T15:00:00Z' } });
    const secrets = { 'api.key': 'hunter2', 'csi.storage.k8s.io/serviceAccount.tokens': tokens };
    await publish({ ...VALID, volumeId: 'request', targetPath, volumeContext: {}, secrets });
    expect(contentsOf(targetPath)).toEqual({ 'api.key': 'hunter2' });
    await publish({ ...VALID, volumeId: 'request', targetPath, volumeContext: {}, secrets: { ...secrets, more: 'm' } });
    expect(contentsOf(targetPath)).toEqual({ 'api.key': 'hunter2', more: 'm' });
    await unpublish('request', targetPath);
    expect(harness.logLines.join('')).not.toContain('hunter2');
  });

  it('hands the host’s token to the volume that asks for it', async () => {
    const targetPath = harness.target('token');
    const tokens = JSON.stringify({ vault: { token: 'tok-1', expirationTimestamp: '2126-11-25T15:00:00Z' } });
    const spec = '{"projected":{"sources":[{"serviceAccountToken":{"audience":"vault","path":"token"}}]}}';
    const secrets = { 'csi.storage.k8s.io/serviceAccount.tokens': tokens };
    await publish({ ...VALID, volumeId: 'token', targetPath, volumeContext: { spec }, secrets });
    expect(contentsOf(targetPath)).toEqual({ token: 'tok-1' });
    await unpublish('token', targetPath);
  });

  it('refuses a missing Secret and leaves nothing behind', async () => {
    const targetPath = harness.target('missing');
    const answer = await refusal(publish({ ...VALID, targetPath, volumeContext: { secretName: 'nobody' } }));
    expect(answer).toMatch(/^failed-precondition: .*nobody/);
    expect(existsSync(targetPath)).toBe(false);
  });

  describe('again', () => {
    const again = { ...VALID, volumeId: 'again' };

    it.each<[string, NodePublishVolumeRequest]>([
      ['another access mode', withMode('MULTI_NODE_READER_ONLY')],
      ['another readonly', { readonly: false }],
      ['another subPath', { volumeContext: { secretName: 'db', subPath: 'password' } }],
      ['another namespace', { volumeContext: { secretName: 'db', namespace: 'shop' } }],
    ])('with %s is refused, and what is there stays', async (_name, changes) => {
      const targetPath = harness.target('again');
      await publish({ ...again, targetPath });
      expect(await refusal(publish({ ...again, targetPath, ...changes }))).toMatch(/^already-exists: /);
      expect(contentsOf(targetPath)).toEqual(DB);
      await unpublish('again', targetPath);
    });

    it('with another definition is a refresh', async () => {
      const targetPath = harness.target('refresh');
      await publish({ ...again, targetPath });
      const items = '[{"key":"username","path":"user"}]';
      await publish({ ...again, targetPath, volumeContext: { secretName: 'db', items } });
      expect(contentsOf(targetPath)).toEqual({ user: 'admin' });
      await unpublish('again', targetPath);
    });

    it.each([
      ['SINGLE_NODE_SINGLE_WRITER', 'refused'],
      ['SINGLE_NODE_WRITER', 'refused'],
      ['SINGLE_NODE_MULTI_WRITER', 'accepted'],
      ['MULTI_NODE_READER_ONLY', 'accepted'],
    ] as const)('at a second target with %s is %s', async (mode, outcome) => {
      const [first, second] = [harness.target('first'), harness.target('second')];
      await publish({ ...again, ...withMode(mode), targetPath: first });
      const further = publish({ ...again, ...withMode(mode), targetPath: second });
      if (outcome === 'refused') expect(await refusal(further)).toMatch(/^failed-precondition: /);
      else await further;
      expect(existsSync(second)).toBe(outcome === 'accepted');
      for (const target of [second, first]) await unpublish('again', target);
    });
  });

  it.runIf(isRoot)('gives files to the mount group', async () => {
    const targetPath = harness.target('group');
    await publish({ ...VALID, ...mountWith({ volumeMountGroup: '4321' }), volumeId: 'group', targetPath });
    expect(statSync(`${targetPath}/password`).gid).toBe(4321);
    await unpublish('group', targetPath);
  });
});

describe('NodeUnpublishVolume', () => {
  it.each([
    ['no volume_id', { targetPath: '/x' }, 'volume_id: is required'],
    ['no target_path', { volumeId: 'v' }, 'target_path: is required'],
    ['nothing', {}, 'volume_id: is required; target_path: is required'],
  ])('refuses %s', async (_name, request, message) => {
    expect(await refusal(harness.client.node.nodeUnpublishVolume(request))).toBe(`invalid-argument: ${message}`);
  });

  it.each([
    ['was never published', 'never', '/dev/shm/lantern-never/target'],
    ['cannot have been published: a long id', 'v'.repeat(200), '/x'],
    ['cannot have been published: a relative path', 'never', 'some/path'],
    ['cannot have been published: a path that climbs', 'never', '/tmp/../etc'],
    ['cannot have been published: an endless path', 'never', `/${'x/'.repeat(3000)}`],
  ])('is fine with what %s', async (_name, volumeId, targetPath) => {
    expect(await unpublish(volumeId, targetPath)).toEqual({});
  });
});

describe('NodeGetVolumeStats', () => {
  const target = () => harness.target('stats');
  const stats = (volumeId: string, volumePath: string) =>
    harness.client.node.nodeGetVolumeStats({ volumeId, volumePath });

  beforeAll(async () => {
    await harness.applySecret('changing', DB);
    await publish({ ...VALID, volumeId: 'stats', targetPath: target(), volumeContext: { secretName: 'changing' } });
  });

  it.each([
    ['no volume_id', '', '/x', 'invalid-argument: volume_id: is required'],
    ['no volume_path', 'stats', '', 'invalid-argument: volume_path: is required'],
    ['neither', '', '', 'invalid-argument: volume_id: is required; volume_path: is required'],
    ['an unknown volume', 'other', '/x', 'not-found: volume "other" is not published at "/x"'],
    ['an unknown path', 'stats', '/x', 'not-found: volume "stats" is not published at "/x"'],
    ['a relative path', 'stats', 'some/path', 'not-found: volume "stats" is not published at "some/path"'],
  ])('refuses %s', async (_name, volumeId, volumePath, message) => {
    expect(await refusal(stats(volumeId, volumePath))).toBe(message);
  });

  it('counts bytes and inodes', async () => {
    const { usage, volumeCondition } = await stats('stats', target());
    expect(usage.map(({ unit }) => unit)).toEqual(['BYTES', 'INODES']);
    for (const { total, used, available } of usage) {
      expect(used).toBeGreaterThan(0);
      expect(available).toBe(total - used);
    }
    expect(volumeCondition).toEqual({ abnormal: false, message: 'ready: the contents are up to date' });
  });

  it('says what keeps a volume from being up to date, in 128 bytes', async () => {
    await harness.client.objects.delete({ ref: { kind: 'Secret', namespace: 'default', name: 'changing' } });
    await harness.daemon.settled();
    const { volumeCondition } = await stats('stats', target());
    expect(volumeCondition?.abnormal).toBe(true);
    expect(volumeCondition?.message).toMatch(/^stale: ./);
    expect(Buffer.byteLength(volumeCondition?.message ?? '')).toBeLessThanOrEqual(128);
    expect(contentsOf(target())).toEqual(DB);
  });
});

describe('on Kubernetes', () => {
  let kubelet: DaemonHarness;
  const root = () => kubelet.directory.at('targets');
  const place = (uid: string, name: string) => `${root()}/pods/${uid}/volumes/kubernetes.io~csi/${name}`;

  beforeAll(async () => {
    kubelet = await DaemonHarness.start({ host: 'kubernetes', targetRoot: ['/dev/shm'] });
    await kubelet.applySecret('db', DB);
  });

  afterAll(() => kubelet[Symbol.asyncDispose]());

  const request = () => ({
    ...VALID,
    volumeId: inlineVolumeId(UID, 'db'),
    targetPath: `${place(UID, 'db')}/mount`,
    volumeContext: {
      secretName: 'db',
      'csi.storage.k8s.io/ephemeral': 'true',
      'csi.storage.k8s.io/pod.namespace': 'default',
      'csi.storage.k8s.io/pod.name': 'web-0',
      'csi.storage.k8s.io/pod.uid': UID,
      'csi.storage.k8s.io/serviceAccount.name': 'default',
    } as Record<string, string>,
  });

  it('serves the inline volume of a pod', async () => {
    mkdirSync(place(UID, 'db'), { recursive: true });
    const { volumeId, targetPath } = request();
    await kubelet.client.node.nodePublishVolume(request());
    expect(contentsOf(targetPath)).toEqual(DB);
    await kubelet.client.node.nodeUnpublishVolume({ volumeId, targetPath });
    expect(existsSync(targetPath)).toBe(false);
  });

  it.each<[string, (valid: ReturnType<typeof request>) => NodePublishVolumeRequest, string]>([
    [
      'without pod info',
      () => ({ volumeContext: { secretName: 'db', namespace: 'default' } }),
      'volume_context[csi.storage.k8s.io/ephemeral]: must be "true"',
    ],
    ['of another volume id', () => ({ volumeId: 'mine' }), 'volume_id: must be derived from'],
    [
      'at the target of another pod',
      () => ({ targetPath: `${place('other', 'db')}/mount` }),
      'target_path: must end in pods/<uid>/volumes/kubernetes.io~csi/<name>/mount',
    ],
  ])('refuses a volume %s', async (_name, change, message) => {
    const changed = { ...request(), ...change(request()) };
    expect(await refusal(kubelet.client.node.nodePublishVolume(changed))).toContain(`invalid-argument: ${message}`);
  });
});

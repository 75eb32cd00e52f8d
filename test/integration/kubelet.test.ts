import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InlineVolume, Kubelet, type Tokens } from '../support/host/kubelet.ts';
import { isRoot, mayMount } from '../support/host/privileges.ts';
import { DaemonHarness, mountsBelow } from '../support/projection/daemon-harness.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

const SPEC = {
  projected: {
    sources: [
      { secret: { name: 'db' } },
      { serviceAccountToken: { audience: 'vault', path: 'token' } },
      {
        downwardAPI: {
          items: ['metadata.name', 'metadata.namespace', 'metadata.uid'].map((fieldPath) => ({
            path: fieldPath,
            fieldRef: { fieldPath },
          })),
        },
      },
    ],
  },
};

let serial = 0;

/** A pod of its own for each test. */
function pod(changes: Partial<InlineVolume> = {}): InlineVolume {
  serial += 1;
  return {
    namespace: 'shop',
    podName: `web-${serial}`,
    podUid: `6f0a4ab2-5a5c-4a5e-9d3c-${String(serial).padStart(12, '0')}`,
    volumeName: 'bundle',
    attributes: { spec: JSON.stringify(SPEC) },
    ...changes,
  };
}

function tokens(token: string): Tokens {
  return { vault: { token, expirationTimestamp: '2126-11-25T15:00:00Z' } };
}

function contentsOf(directory: string): Record<string, string> {
  const names = readdirSync(directory).filter((name) => !name.startsWith('..'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(`${directory}/${name}`, 'utf8')]));
}

/** What must stay as it is while contents come and go: the mount where there is one, and the directory. */
function placeOf(target: string): unknown {
  const { dev, ino } = statSync(target);
  return { mounts: mountsBelow(target), dev, ino };
}

let harness: DaemonHarness;
const kubelet = (tokensIn?: 'secrets' | 'volumeContext') =>
  new Kubelet(`${harness.runDirectory}/csi/csi.sock`, harness.directory.at('targets'), tokensIn);

async function applySecret(namespace: string, password: string): Promise<void> {
  const secret = { data: { password: Buffer.from(password) } };
  await harness.client.objects.apply({ object: { metadata: { name: 'db', namespace }, secret } });
  await harness.daemon.settled();
}

beforeAll(async () => {
  harness = await DaemonHarness.start({ host: 'kubernetes', targetRoot: ['/dev/shm'], store: 'embedded' });
  await applySecret('shop', 'of the shop');
  await applySecret('kube-system', 'of the system');
});

afterAll(() => harness[Symbol.asyncDispose]());

describe.each(['secrets', 'volumeContext'] as const)('a pod of a kubelet that puts tokens into %s', (tokensIn) => {
  it('has its volume from its first sync to its last', async () => {
    const node = kubelet(tokensIn);
    const volume = pod();
    const target = node.targetOf(volume);
    await node.publish(volume, tokens('tok-one'));
    const facts = {
      password: 'of the shop',
      'metadata.name': volume.podName,
      'metadata.namespace': 'shop',
      'metadata.uid': volume.podUid,
    };
    expect(contentsOf(target)).toEqual({ ...facts, token: 'tok-one' });
    expect(await node.usedBytes(volume)).toBeGreaterThan(0);

    const place = placeOf(target);
    const generation = readlinkSync(`${target}/..data`);
    for (let sync = 0; sync < 10; sync++) await node.publish(volume, tokens('tok-one'));
    expect(readlinkSync(`${target}/..data`)).toBe(generation);

    await node.publish(volume, tokens('tok-two'));
    expect(contentsOf(target)).toEqual({ ...facts, token: 'tok-two' });
    expect(readlinkSync(`${target}/..data`)).not.toBe(generation);
    expect(placeOf(target)).toEqual(place);

    await harness.restart();
    await node.publish(volume, tokens('tok-three'));
    expect(contentsOf(target)).toEqual({ ...facts, token: 'tok-three' });
    expect(placeOf(target)).toEqual(place);

    await node.unpublish(volume);
    expect(existsSync(target)).toBe(false);
    expect(mountsBelow(target)).toEqual([]);
    expect(harness.logLines.join('')).not.toMatch(/tok-(?:one|two|three)|of the shop/);
  });

  it('keeps what it has when a sync brings something unusable', async () => {
    const node = kubelet(tokensIn);
    const volume = pod();
    await node.publish(volume, tokens('tok-good'));
    const before = contentsOf(node.targetOf(volume));
    const unusable = { vault: { token: 7 } } as unknown as Tokens;
    expect((await rejectionOf(node.publish(volume, unusable))).code).toBe('invalid-argument');
    const gone = { ...volume, attributes: { secretName: 'nobody' } };
    expect((await rejectionOf(node.publish(gone, tokens('tok-good')))).code).toBe('failed-precondition');
    expect(contentsOf(node.targetOf(volume))).toEqual(before);
    await node.unpublish(volume);
  });
});

it('a token that the kubelet does not bring is not signed here, and the message says what the CSIDriver lacks', async () => {
  const node = kubelet();
  const { code, message } = await rejectionOf(node.publish(pod()));
  expect(code).toBe('failed-precondition');
  expect(message).toContain('tokenRequests of the CSIDriver object');
});

it('two pods whose volumes have one name have a volume each', async () => {
  const node = kubelet();
  const [first, second] = [pod(), pod({ namespace: 'kube-system' })];
  await node.publish(first, tokens('tok-first'));
  await node.publish(second, tokens('tok-second'));
  expect(contentsOf(node.targetOf(first))).toMatchObject({ password: 'of the shop', token: 'tok-first' });
  expect(contentsOf(node.targetOf(second))).toMatchObject({ password: 'of the system', token: 'tok-second' });
  await node.unpublish(first);
  expect(contentsOf(node.targetOf(second))).toMatchObject({ token: 'tok-second' });
  await node.unpublish(second);
});

it('the target’s path may be far longer than CSI’s limit for strings', async () => {
  const deep = Array.from({ length: 6 }, () => 'd'.repeat(200)).join('/');
  const node = new Kubelet(`${harness.runDirectory}/csi/csi.sock`, harness.directory.at('targets', deep));
  const volume = pod({ volumeName: 'v'.repeat(63) });
  expect(node.targetOf(volume).length).toBeGreaterThan(1_300);
  await node.publish(volume, tokens('tok'));
  expect(contentsOf(node.targetOf(volume))).toMatchObject({ password: 'of the shop' });
  await node.unpublish(volume);
});

it.runIf(isRoot)('a pod’s fsGroup can read the volume, and nobody else can (needs root)', async () => {
  const node = kubelet();
  const volume = pod({ attributes: { secretName: 'db', defaultMode: '0400' }, fsGroup: 4321 });
  await node.publish(volume);
  const { gid, mode } = statSync(`${node.targetOf(volume)}/password`);
  expect({ gid, mode: mode & 0o777 }).toEqual({ gid: 4321, mode: 0o440 });
  await node.unpublish(volume);
});

it('the Secret that the pod’s volume refers to is its files, and each sync brings what is in it then', async () => {
  const node = kubelet();
  const volume = pod({ attributes: {}, secretData: { 'tls.key': 'one', 'tls.crt': 'public' } });
  await node.publish(volume, tokens('tok-hidden'));
  expect(contentsOf(node.targetOf(volume))).toEqual({ 'tls.key': 'one', 'tls.crt': 'public' });
  await node.publish({ ...volume, secretData: { 'tls.key': 'two' } }, tokens('tok-hidden'));
  expect(contentsOf(node.targetOf(volume))).toEqual({ 'tls.key': 'two' });
  await node.unpublish(volume);
});

it('is the same volume for pods that ask for it read-only and that do not', async () => {
  const node = kubelet();
  for (const readOnly of [true, false]) {
    const volume = pod({ attributes: { secretName: 'db' }, readOnly });
    await node.publish(volume);
    expect(contentsOf(node.targetOf(volume))).toEqual({ password: 'of the shop' });
    if (mayMount) expect(() => writeFileSync(`${node.targetOf(volume)}/new`, '')).toThrow('EROFS');
    await node.unpublish(volume);
  }
});

it('a pod whose Secret is missing waits, and its directory is gone between two tries', async () => {
  const node = kubelet();
  const volume = pod({ attributes: { secretName: 'later' } });
  const directory = dirname(node.targetOf(volume));
  for (let sync = 0; sync < 2; sync++) {
    expect((await rejectionOf(node.publish(volume))).code).toBe('failed-precondition');
    expect(existsSync(directory)).toBe(false);
  }
  await harness.client.objects.apply({ object: { metadata: { name: 'later', namespace: 'shop' }, secret: {} } });
  await node.publish(volume);
  expect(contentsOf(node.targetOf(volume))).toEqual({});
  await node.unpublish(volume);
});

it('unpublish comes again, and for what never was', async () => {
  const node = kubelet();
  const volume = pod();
  await node.publish(volume, tokens('tok'));
  const { volumeId, targetPath } = node.requestOf(volume);
  for (let round = 0; round < 2; round++) {
    await harness.client.node.nodeUnpublishVolume({ volumeId, targetPath });
    expect(existsSync(targetPath)).toBe(false);
  }
  await node.unpublish(volume);
});

describe('a pod’s author cannot', () => {
  it('reach into another namespace by an attribute', async () => {
    const node = kubelet();
    const volume = pod({ attributes: { secretName: 'db', namespace: 'kube-system' } });
    await node.publish(volume);
    expect(contentsOf(node.targetOf(volume))).toEqual({ password: 'of the shop' });
    await node.unpublish(volume);
  });

  type Request = ReturnType<Kubelet['requestOf']>;
  const context = (request: Request, changes: Record<string, string | undefined>) => {
    const entries = Object.entries({ ...request.volumeContext, ...changes });
    const volumeContext = Object.fromEntries(
      entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    );
    return { ...request, volumeContext };
  };

  it.each<[string, (request: Request) => Request, string]>([
    [
      'claim another pod’s uid',
      (request) => context(request, { 'csi.storage.k8s.io/pod.uid': '00000000-0000-0000-0000-000000000000' }),
      'target_path: must end in pods/<uid>/volumes/kubernetes.io~csi/<name>/mount',
    ],
    [
      'take the id of another volume',
      (request) => ({ ...request, volumeId: kubelet().requestOf(pod()).volumeId }),
      'volume_id: must be derived from',
    ],
    [
      'use a persistent volume',
      (request) => context(request, { 'csi.storage.k8s.io/ephemeral': 'false' }),
      'volume_context[csi.storage.k8s.io/ephemeral]: must be "true"',
    ],
    [
      'leave out the namespace',
      (request) => context(request, { 'csi.storage.k8s.io/pod.namespace': undefined, namespace: 'kube-system' }),
      'volume_context[csi.storage.k8s.io/pod.namespace]: is required on Kubernetes',
    ],
  ])('%s', async (_name, change, message) => {
    const node = kubelet();
    const volume = pod();
    await node.publish(volume, tokens('tok'));
    await node.unpublish(volume);
    const request = change(node.requestOf(volume, tokens('tok')));
    const error = await rejectionOf(node.send(request));
    expect(`${error.code}: ${error.message}`).toContain(`invalid-argument: ${message}`);
    expect(existsSync(request.targetPath)).toBe(false);
  });
});

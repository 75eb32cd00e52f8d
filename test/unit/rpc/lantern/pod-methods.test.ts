import { describe, expect, test } from 'vitest';
import type { PodRequest, PodStatus, Pods, PodUnmount } from '../../../../src/projection/pods/pods.ts';
import type { MountPodRequest__Output as MountPodRequest } from '../../../../src/rpc/generated/lantern/v1/MountPodRequest.ts';
import { podMethods } from '../../../../src/rpc/lantern/projector-service.ts';
import { podManifest } from '../../../support/objects/manifests.ts';
import { rejectionOf } from '../../../support/suite/expectations.ts';

const NEVER = new AbortController().signal;

function statusOf(namespace: string, name: string, root: string): PodStatus {
  return { namespace, name, uid: '', root, volumes: [] };
}

/** Keeps what it is asked for, and has these pods. */
class RecordingPods implements Pods {
  readonly asked: (PodRequest | PodUnmount)[] = [];
  readonly #statuses: readonly PodStatus[];

  constructor(statuses: readonly PodStatus[] = []) {
    this.#statuses = statuses;
  }

  async mount(request: PodRequest) {
    this.asked.push(request);
    const { namespace, facts } = request.pod;
    return { status: statusOf(namespace, facts.name, request.root), containers: [], notices: [] };
  }

  async unmount(request: PodUnmount) {
    this.asked.push(request);
  }

  list() {
    return this.#statuses;
  }
}

function mountRequest(change: Partial<MountPodRequest>): MountPodRequest {
  const manifest = JSON.stringify(podManifest());
  return {
    manifest,
    namespace: '',
    rootPath: '/pods/web',
    containers: [],
    waitForObjects: false,
    open: false,
    tokens: {},
    ...change,
  };
}

async function mounted(change: Partial<MountPodRequest>): Promise<PodRequest | PodUnmount | undefined> {
  const pods = new RecordingPods();
  await podMethods(pods).mountPod(mountRequest(change), NEVER);
  return pods.asked[0];
}

describe('MountPod', () => {
  test('reads YAML as well as JSON', async () => {
    const manifest =
      '---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: app, image: busybox}]}\n---\n';
    expect(await mounted({ manifest, namespace: 'shop' })).toMatchObject({
      pod: { namespace: 'shop', facts: { name: 'web' } },
    });
  });

  test('a pod that names no namespace is in the request’s, else in "default"', async () => {
    expect(await mounted({})).toMatchObject({ pod: { namespace: 'default' } });
    expect(await mounted({ namespace: 'team' })).toMatchObject({ pod: { namespace: 'team' } });
  });

  test('hands on the rest', async () => {
    const token = { token: 't', expirationTimestamp: '2036-01-01T00:00:00Z' };
    expect(await mounted({ containers: ['app'], waitForObjects: true, tokens: { vault: token } })).toMatchObject({
      root: '/pods/web',
      containers: ['app'],
      waitForObjects: true,
      tokens: new Map([['vault', token]]),
    });
  });

  const namespaced = JSON.stringify(podManifest({}, { namespace: 'shop' }));
  const faulty = JSON.stringify(podManifest({ volumes: [{ name: 'db', secret: {} }] }, { labels: { a: 1 } }));
  test.each<[Partial<MountPodRequest>, string[]]>([
    [{ manifest: '' }, ['manifest']],
    [{ manifest: '{}\n---\n{}' }, ['manifest']],
    [{ manifest: 'password: [hunter2' }, ['manifest']],
    [{ manifest: 'hunter2' }, ['manifest']],
    [{ manifest: '{"kind":"Pod","metadata":{}}' }, ['manifest.apiVersion', 'manifest.spec', 'manifest.metadata.name']],
    [{ manifest: JSON.stringify(podManifest({ volume: [] })) }, ['manifest.spec.volume']],
    [{ manifest: namespaced, namespace: 'other' }, ['namespace']],
    [{ manifest: JSON.stringify(podManifest({ containers: [] })) }, ['manifest.spec.containers']],
    [{ namespace: 'A', rootPath: '' }, ['namespace', 'root_path']],
    [{ rootPath: 'pods' }, ['root_path']],
    [{ rootPath: '/pods/../x' }, ['root_path']],
    [{ rootPath: '/pods\0' }, ['root_path']],
    [{ rootPath: '//.' }, ['root_path']],
    [
      { manifest: faulty, rootPath: 'x' },
      ['root_path', 'manifest.spec.volumes[0].secret.secretName', 'manifest.metadata.labels[a]'],
    ],
  ])('%j is refused', async (change, fields) => {
    const error = await rejectionOf(mounted(change));
    expect(error.code).toBe('invalid-argument');
    expect(error.faults.map(({ field }) => field)).toEqual(fields);
    expect(error.message).not.toContain('hunter2');
  });
});

test.each([
  [
    { namespace: '', name: 'web', rootPath: '' },
    { namespace: 'default', name: 'web', root: undefined },
  ],
  [
    { namespace: 'shop', name: 'web', rootPath: '/r' },
    { namespace: 'shop', name: 'web', root: '/r' },
  ],
])('UnmountPod %j', async (request, expected) => {
  const pods = new RecordingPods();
  await podMethods(pods).unmountPod(request, NEVER);
  expect(pods.asked).toEqual([expected]);
});

test('UnmountPod names every fault', async () => {
  const call = async () =>
    podMethods(new RecordingPods()).unmountPod({ namespace: 'A', name: '', rootPath: 'r' }, NEVER);
  expect((await rejectionOf(call())).faults.map(({ field }) => field)).toEqual(['namespace', 'name', 'root_path']);
});

describe('ListPods', () => {
  const all = [
    statusOf('a', 'p', '/1'),
    statusOf('a', 'p', '/2'),
    statusOf('a', 'p-2', '/1'),
    statusOf('b', 'a', '/1'),
  ];
  const { listPods } = podMethods(new RecordingPods(all));

  async function pages(namespace: string, pageSize: number): Promise<string[][]> {
    const found: string[][] = [];
    let pageToken = '';
    do {
      const { pods = [], nextPageToken = '' } = await listPods({ namespace, pageSize, pageToken }, NEVER);
      found.push(pods.map(({ namespace, name, rootPath }) => `${namespace} ${name} ${rootPath}`));
      pageToken = nextPageToken;
    } while (pageToken !== '');
    return found;
  }

  test.each([
    ['', 0, [['a p /1', 'a p /2', 'a p-2 /1', 'b a /1']]],
    ['', 3, [['a p /1', 'a p /2', 'a p-2 /1'], ['b a /1']]],
    ['a', 1, [['a p /1'], ['a p /2'], ['a p-2 /1']]],
    ['c', 0, [[]]],
  ])('of namespace %j in pages of %d', async (namespace, pageSize, expected) => {
    expect(await pages(namespace, pageSize)).toEqual(expected);
  });

  test('refuses what is no namespace and no page', async () => {
    const call = async () => listPods({ namespace: 'A', pageSize: -1, pageToken: '?' }, NEVER);
    const faults = (await rejectionOf(call())).faults.map(({ field }) => field);
    expect(faults).toEqual(['namespace', 'page_size', 'page_token']);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { parsePod } from '../../../../src/spec/pod/pod.ts';
import { containerWith, podManifest, secretVolume } from '../../../support/objects/manifests.ts';

function faultsOf(raw: unknown): Readonly<Record<string, string>> {
  const result = parsePod(raw, 'default');
  return result.ok ? {} : Object.fromEntries(result.faults.map(({ field, message }) => [field, message]));
}

const mounting = (...volumeMounts: Record<string, unknown>[]) =>
  podManifest({ containers: [containerWith(volumeMounts)] });

test('a manifest that would hold everybody up is refused before it is read', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => index);
  const volumes = many.map((index) => secretVolume(`v${index}`));
  const mounts = (count: number) => many.slice(0, count).map((index) => ({ name: 'v0', mountPath: `/m/${index}` }));
  const pod = (count: number) => podManifest({ volumes, containers: [containerWith(mounts(count))] });
  expect(faultsOf(pod(4_999))).toEqual({});
  expect(faultsOf(pod(5_000))).toEqual({
    spec: 'must have no more than 10000 volumes, containers, mounts and variables in all, not 10001',
  });
});

describe('what a manifest says', () => {
  test('everything that is Lantern’s business', () => {
    const raw = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'shop', uid: 'u-1', labels: { app: 'web' }, annotations: { a: 'b' } },
      spec: {
        serviceAccountName: 'robot',
        automountServiceAccountToken: false,
        imagePullSecrets: [{ name: 'pull' }],
        securityContext: { fsGroup: 2000, runAsUser: 1 },
        nodeName: 'n-1',
        volumes: [
          secretVolume('db'),
          { name: 'tmp', emptyDir: {} },
          { name: 'bare' },
          { name: 'own', csi: { driver: 'd' } },
        ],
        initContainers: [{ name: 'prepare', image: 'p' }],
        containers: [
          {
            ...containerWith([
              { name: 'db', mountPath: '//etc/./db/', readOnly: true, subPath: 'a/b', mountPropagation: 'None' },
              { name: 'tmp', mountPath: '/tmp', subPathExpr: '$(HOME)' },
            ]),
            env: [{ name: 'A', value: 'a' }],
            resources: { limits: { cpu: 1 } },
            livenessProbe: {},
          },
        ],
        restartPolicy: 'Never',
      },
      status: { hostIP: '10.0.0.1', podIPs: [{ ip: '10.1.0.1' }] },
    };
    expect(orThrow(parsePod(raw, 'default'))).toMatchObject({
      namespace: 'shop',
      facts: {
        name: 'web',
        uid: 'u-1',
        labels: new Map([['app', 'web']]),
        annotations: new Map([['a', 'b']]),
        serviceAccountName: 'robot',
        containers: [{ name: 'prepare' }, { name: 'app', limits: new Map([['cpu', '1']]) }],
      },
      placement: { nodeName: 'n-1', hostIPs: ['10.0.0.1'], podIPs: ['10.1.0.1'] },
      automountServiceAccountToken: false,
      imagePullSecrets: ['pull'],
      fsGroup: 2000,
      volumes: [
        {
          name: 'db',
          kind: 'projected',
          definition: { kind: 'inline', spec: { sources: [{ kind: 'secret', name: 'db' }] } },
        },
        { name: 'tmp', kind: 'other', type: 'emptyDir' },
        { name: 'bare', kind: 'other', type: 'emptyDir' },
        { name: 'own', kind: 'other', type: 'csi' },
      ],
      containers: [
        { name: 'prepare', image: 'p', isInit: true, env: { name: 'prepare', env: [] }, mounts: [] },
        {
          name: 'app',
          image: 'busybox',
          isInit: false,
          env: { name: 'app', env: [{ name: 'A' }] },
          mounts: [
            { volumeName: 'db', mountPath: '/etc/db', readOnly: true, subPath: { kind: 'path', text: 'a/b' } },
            { volumeName: 'tmp', mountPath: '/tmp', readOnly: false, subPath: { kind: 'expression', text: '$(HOME)' } },
          ],
        },
      ],
    });
  });

  test.each([
    [{ serviceAccountName: 'a', serviceAccount: 'b' }, 'a'],
    [{ serviceAccount: 'b' }, 'b'],
    [{ serviceAccountName: '' }, 'default'],
    [{}, 'default'],
  ])('the account of %j is %s', (spec, name) => {
    expect(orThrow(parsePod(podManifest(spec), 'default')).facts.serviceAccountName).toBe(name);
  });

  test('the namespace of a pod that names none, and what kubectl adds is not kept', () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    const pod = orThrow(parsePod(podManifest({}, { namespace: '', annotations }), 'team'));
    expect([pod.namespace, pod.facts.annotations.size]).toEqual(['team', 0]);
  });
});

describe('each fault by its field', () => {
  const A = 'spec.containers[0].volumeMounts[0]';
  const B = 'spec.containers[0].volumeMounts[1]';
  test.each<[string, unknown, Record<string, unknown>]>([
    ['no pod', null, { '': 'must be a mapping, not null' }],
    ['another kind', { ...podManifest(), kind: 'Deployment' }, { kind: 'must be "Pod"' }],
    ['another version', { ...podManifest(), apiVersion: 'v2' }, { apiVersion: 'must be "v1"' }],
    [
      'names',
      podManifest({}, { name: 'A', namespace: 'a.b' }),
      { 'metadata.name': /DNS-1123/, 'metadata.namespace': /label/ },
    ],
    ['a label', podManifest({}, { labels: { 'a b': 'c' } }), { 'metadata.labels[a b]': /letters/ }],
    ['the account', podManifest({ serviceAccountName: '../x' }), { 'spec.serviceAccountName': /DNS-1123/ }],
    ['a pull secret', podManifest({ imagePullSecrets: [{ name: 'A' }] }), { 'spec.imagePullSecrets[0].name': /DNS/ }],
    [
      'a group',
      podManifest({ securityContext: { fsGroup: 2 ** 31 } }),
      { 'spec.securityContext.fsGroup': /between 0/ },
    ],
    [
      'lists that are none',
      podManifest({ volumes: {}, containers: 1 }),
      { 'spec.volumes': /a list/, 'spec.containers': /a list/ },
    ],
    ['no mapping', podManifest({ containers: [7] }), { 'spec.containers[0]': /a mapping/ }],
    [
      'a volume’s name',
      podManifest({ volumes: [secretVolume('db'), secretVolume('a.b')] }),
      { 'spec.volumes[1].name': /label/ },
    ],
    [
      'a volume twice',
      podManifest({ volumes: [secretVolume('db'), secretVolume('db')] }),
      { 'spec.volumes[1].name': 'must be unique' },
    ],
    [
      'two sources, one of them another’s',
      podManifest({ volumes: [{ ...secretVolume('db'), emptyDir: {} }] }),
      { 'spec.volumes[0]': 'must have exactly one source; secret and emptyDir are there' },
    ],
    [
      'two sources',
      podManifest({ volumes: [{ ...secretVolume('db'), configMap: { name: 'c' } }] }),
      { 'spec.volumes[0]': /exactly one/ },
    ],
    [
      'a misspelt source',
      podManifest({ volumes: [{ name: 'db', secert: {} }] }),
      { 'spec.volumes[0]': /exactly one/, 'spec.volumes[0].secert': /did you mean "secret"/ },
    ],
    [
      'a misspelt field of a source',
      podManifest({ volumes: [secretVolume('db', { optinal: true })] }),
      { 'spec.volumes[0].secret.optinal': /did you mean "optional"/ },
    ],
    [
      'a container’s name',
      podManifest({ containers: [{ name: '../x', image: 'x' }] }),
      { 'spec.containers[0].name': /label/ },
    ],
    [
      'a container twice',
      podManifest({ initContainers: [{ name: 'app', image: 'x' }] }),
      { 'spec.containers[0].name': 'must be unique' },
    ],
    [
      'a variable',
      podManifest({ containers: [containerWith([], { env: [{ name: '1' }] })] }),
      { 'spec.containers[0].env[0].name': /not start with a digit/ },
    ],
    [
      'a quantity',
      podManifest({ containers: [containerWith([], { resources: { limits: { cpu: 'much' } } })] }),
      { 'spec.containers[0].resources.limits[cpu]': /a quantity/ },
    ],
    ['a mount of nothing', mounting({ name: 'none', mountPath: '/a' }), { [`${A}.name`]: 'there is no volume "none"' }],
    ['a mount nowhere', mounting({ name: 'db' }), { [`${A}.mountPath`]: 'is required' }],
    [
      'a mount too deep',
      mounting({ name: 'db', mountPath: '/a'.repeat(101) }),
      { [`${A}.mountPath`]: /100 directories deep/ },
    ],
    ['a misspelt subPath', mounting({ name: 'db', mountPath: '/a', subpath: 'b' }), { [`${A}.subpath`]: /"subPath"/ }],
    [
      'both subPaths',
      mounting({ name: 'db', mountPath: '/a', subPath: 'b', subPathExpr: 'c' }),
      { [`${A}.subPathExpr`]: /beside/ },
    ],
    [
      'a subPath that leads out',
      mounting({ name: 'db', mountPath: '/a', subPath: 'b/../..' }),
      { [`${A}.subPath`]: /'\.\.'/ },
    ],
    [
      'the writer’s own',
      mounting({ name: 'db', mountPath: '/a', subPathExpr: '..data/$(A)' }),
      { [`${A}.subPathExpr`]: /'\.\.'/ },
    ],
    [
      'two mounts at one place',
      mounting({ name: 'db', mountPath: '/a' }, { name: 'db', mountPath: '/./a/' }),
      { [`${B}.mountPath`]: 'must be unique' },
    ],
    [
      'a mount inside another',
      mounting({ name: 'db', mountPath: '/a/b/c' }, { name: 'db', mountPath: '/a' }),
      { [`${A}.mountPath`]: /must not lie in "\/a"/ },
    ],
  ])('%s', (_, raw, expected) => {
    const faults = faultsOf(raw);
    expect(Object.keys(faults)).toEqual(Object.keys(expected));
    for (const [field, message] of Object.entries(expected)) {
      expect(faults[field]).toEqual(message instanceof RegExp ? expect.stringMatching(message) : message);
    }
  });

  test('all at once', () => {
    const raw = {
      kind: 'Pod',
      metadata: { name: '' },
      spec: {
        volumes: [{ name: 'db', secret: {} }],
        initContainers: [{ name: 'a', env: [{ name: '' }], envfrom: [] }],
        containers: [
          containerWith([
            { name: 'db', mountPath: 'etc' },
            { name: 'db', mountPath: '/x:y' },
          ]),
        ],
      },
    };
    expect(Object.keys(faultsOf(raw)).sort()).toEqual([
      'apiVersion',
      'metadata.name',
      'spec.containers[0].volumeMounts[0].mountPath',
      'spec.containers[0].volumeMounts[1].mountPath',
      'spec.initContainers[0].env[0].name',
      'spec.initContainers[0].envfrom',
      'spec.initContainers[0].image',
      'spec.volumes[0].secret.secretName',
    ]);
  });
});

describe('what may stand beside each other', () => {
  test.each([
    ['names that start alike', { name: 'db', mountPath: '/a' }, { name: 'db', mountPath: '/a.b' }],
    ['a mount inside one that is not Lantern’s', { name: 'tmp', mountPath: '/a' }, { name: 'db', mountPath: '/a/b' }],
    ['one that is not Lantern’s inside a mount', { name: 'db', mountPath: '/a' }, { name: 'tmp', mountPath: '/a/b' }],
  ])('%s', (_, ...volumeMounts) => {
    const volumes = [secretVolume('db'), { name: 'tmp', emptyDir: {} }];
    expect(faultsOf(podManifest({ volumes, containers: [containerWith(volumeMounts)] }))).toEqual({});
  });

  test('a subPath of what is not Lantern’s is not Lantern’s business', () => {
    const volumeMounts = [{ name: 'tmp', mountPath: '/a', subPath: '..x' }];
    const volumes = [{ name: 'tmp', emptyDir: {} }];
    expect(faultsOf(podManifest({ volumes, containers: [containerWith(volumeMounts)] }))).toEqual({});
  });
});

test('whatever the mountPath, what comes out is clean and cannot lead out', () => {
  const element = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('', '.', '...', 'a', 'é', 'x'.repeat(255)) },
    { weight: 1, arbitrary: fc.constantFrom('..', ':', '\0', 'x'.repeat(256)) },
    { weight: 1, arbitrary: fc.string() },
  );
  fc.assert(
    fc.property(fc.array(element, { maxLength: 150 }), (elements) => {
      const result = parsePod(mounting({ name: 'db', mountPath: `/${elements.join('/')}` }), 'default');
      if (!result.ok) return;
      const [mount] = result.value.containers[0]?.mounts ?? [];
      const cleaned = mount?.mountPath.split('/').slice(1) ?? [];
      expect(cleaned.length).toBeGreaterThan(0);
      expect(cleaned).toEqual(
        elements
          .join('/')
          .split('/')
          .filter((name) => name !== '' && name !== '.'),
      );
      expect(cleaned.length).toBeLessThanOrEqual(100);
      expect(cleaned.filter((name) => name === '..' || Buffer.byteLength(name) > 255 || /[:\0]/.test(name))).toEqual(
        [],
      );
    }),
  );
});

test('a manifest of many faults and many mounts is read in time', () => {
  const volumeMounts = Array.from({ length: 5_000 }, (_, index) => ({ name: 'db', mountPath: `/a/${index}`, x: 1 }));
  expect(Object.keys(faultsOf(mounting(...volumeMounts)))).toHaveLength(5_000);
  const nested = Array.from({ length: 5_000 }, (_, index) => ({
    name: 'db',
    mountPath: index === 0 ? '/a' : `/a/${index}`,
  }));
  expect(Object.keys(faultsOf(mounting(...nested)))).toHaveLength(4_999);
});

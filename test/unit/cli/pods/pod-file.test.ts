import { describe, expect, test } from 'vitest';
import { parsePodContainer, parsePodFile } from '../../../../src/cli/pods/pod-file.ts';

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'app', namespace: 'team', uid: 'u-1', labels: { a: 'b' } },
  spec: {
    serviceAccountName: 'robot',
    volumes: [{ name: 'anything' }],
    initContainers: [{ name: 'init', image: 'x' }],
    containers: [{ name: 'main', image: 'x', resources: { limits: { cpu: 1, memory: '64Mi' } } }],
  },
};

test('facts of a pod, as the downward API needs them', () => {
  expect(parsePodFile(POD)).toEqual({
    ok: true,
    value: {
      namespace: 'team',
      facts: {
        name: 'app',
        uid: 'u-1',
        labels: { a: 'b' },
        annotations: {},
        serviceAccountName: 'robot',
        containers: [
          { name: 'init', limits: {}, requests: {} },
          { name: 'main', limits: { cpu: '1', memory: '64Mi' }, requests: {} },
        ],
      },
    },
  });
});

test('a pod that says no more than it must', () => {
  const spec = { containers: [{ name: 'main', image: 'x' }] };
  expect(parsePodFile({ ...POD, metadata: { name: 'app', annotations: null }, spec })).toMatchObject({
    ok: true,
    value: { namespace: undefined, facts: { name: 'app', uid: '', annotations: {} } },
  });
});

test.each<[unknown, string[]]>([
  [{ ...POD, kind: 'Deployment' }, ['kind']],
  [{ ...POD, metadata: { labels: { a: 1 } } }, ['metadata.name', 'metadata.labels[a]']],
  [{ ...POD, spec: { containers: [{}] } }, ['spec.containers[0].name', 'spec.containers[0].image']],
  [{ kind: 'Pod', metadata: { name: 'app' } }, ['apiVersion', 'spec']],
  [{ ...POD, metadata: { name: 'app', label: {} } }, ['metadata.label']],
  [null, ['']],
])('faults by field: %j', (document, fields) => {
  const result = parsePodFile(document);
  expect(result.ok ? [] : result.faults.map((fault) => fault.field)).toEqual(fields);
});

const WEB = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
  spec: {
    nodeName: 'node-1',
    initContainers: [{ name: 'prepare', image: 'busybox', env: [{ name: 'P', value: 'p' }] }],
    containers: [
      { name: 'main', image: 'busybox', env: [{ name: 'M', value: 'm' }] },
      { name: 'side', image: 'busybox', envFrom: [{ secretRef: { name: 'db' } }] },
    ],
  },
  status: { hostIP: '10.0.0.1', podIP: '10.1.0.1', podIPs: [{ ip: '10.1.0.1' }, { ip: 'fd00::1' }] },
};

test('the first container by default, with what its variables can show', () => {
  const result = parsePodContainer(WEB, undefined);
  expect(result).toMatchObject({
    ok: true,
    value: {
      namespace: 'shop',
      facts: { name: 'web', labels: { app: 'web' } },
      container: { name: 'main', env: [{ name: 'M' }] },
      placement: { nodeName: 'node-1', hostIPs: ['10.0.0.1'], podIPs: ['10.1.0.1', 'fd00::1'] },
      names: ['main', 'side', 'prepare'],
    },
  });
});

test.each(['main', 'side', 'prepare'])('%s by its name', (name) => {
  expect(parsePodContainer(WEB, name)).toMatchObject({ ok: true, value: { container: { name } } });
});

describe('refused', () => {
  const withContainers = (...containers: unknown[]) => ({ ...WEB, spec: { containers } });
  test.each<[unknown, string | undefined, string, string]>([
    [WEB, 'none', 'spec.containers', 'has no container "none"; it has main, side, prepare'],
    [withContainers(), undefined, 'spec.containers', 'is required'],
    [{ ...WEB, kind: 'Deployment' }, undefined, 'kind', 'must be "Pod"'],
    [withContainers({ image: 'x' }), undefined, 'spec.containers[0].name', 'is required'],
    [
      withContainers({ name: 'a', image: 'x', envfrom: [] }),
      undefined,
      'spec.containers[0].envfrom',
      'unknown field; did you mean "envFrom"?',
    ],
    [
      withContainers({ name: 'a', image: 'x' }, { name: 'b', image: 'x', env: [{ name: '1' }, { name: 'a=' }] }),
      'b',
      'spec.containers[1].env[1].name',
      "must have printable ASCII characters other than '=' only",
    ],
  ])('%#', (document, name, field, message) => {
    expect(parsePodContainer(document, name)).toEqual({ ok: false, faults: [{ field, message }] });
  });
});

import { expect, test } from 'vitest';
import { parsePodFile } from '../../../../src/cli/pods/pod-file.ts';

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

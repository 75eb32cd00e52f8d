import { expect, test } from 'vitest';
import { parsePodFile } from '../../../src/cli/pod-file.ts';

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'app', namespace: 'team', uid: 'u-1', labels: { a: 'b' } },
  spec: {
    serviceAccountName: 'robot',
    volumes: [{ name: 'anything' }],
    initContainers: [{ name: 'init', image: 'x' }],
    containers: [{ name: 'main', resources: { limits: { cpu: 1, memory: '64Mi' } } }],
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

test('a pod of which only the name is known', () => {
  expect(parsePodFile({ kind: 'Pod', metadata: { name: 'app', annotations: null }, spec: null })).toMatchObject({
    ok: true,
    value: { namespace: undefined, facts: { name: 'app', uid: '', annotations: {}, containers: [] } },
  });
});

test.each<[unknown, string[]]>([
  [{ ...POD, kind: 'Deployment' }, ['kind']],
  [{ ...POD, metadata: { labels: { a: 1 } } }, ['metadata.name', 'metadata.labels[a]']],
  [{ ...POD, spec: { containers: [{}] } }, ['spec.containers[0].name']],
  [null, ['']],
])('faults by field: %j', (document, fields) => {
  const result = parsePodFile(document);
  expect(result.ok ? [] : result.faults.map((fault) => fault.field)).toEqual(fields);
});

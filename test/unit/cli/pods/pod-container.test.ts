import { describe, expect, test } from 'vitest';
import { parsePodContainer } from '../../../../src/cli/pods/pod-file.ts';

const POD = {
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
  const result = parsePodContainer(POD, undefined);
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
  expect(parsePodContainer(POD, name)).toMatchObject({ ok: true, value: { container: { name } } });
});

describe('refused', () => {
  const withContainers = (...containers: unknown[]) => ({ ...POD, spec: { containers } });
  test.each<[unknown, string | undefined, string, string]>([
    [POD, 'none', 'spec.containers', 'has no container "none"; it has main, side, prepare'],
    [withContainers(), undefined, 'spec.containers', 'is required'],
    [{ ...POD, kind: 'Deployment' }, undefined, 'kind', 'must be "Pod"'],
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

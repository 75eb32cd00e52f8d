import { describe, expect, test } from 'vitest';
import { CORE_KINDS, POD_TYPES } from '../../../../src/objects/kubernetes-api.ts';
import { checkPodFields, fieldsOfType, podFieldFaults } from '../../../../src/spec/pod/pod-fields.ts';
import { containerWith, podManifest } from '../../../support/objects/manifests.ts';

function faultsOf(raw: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(podFieldFaults(raw).map(({ field, message }) => [field, message]));
}

const withContainer = (fields: Record<string, unknown>) => podManifest({ containers: [containerWith([], fields)] });
const meant = (name: string) => `unknown field; did you mean "${name}"?`;

describe('a field that the API does not know', () => {
  test.each<[unknown, string, string]>([
    [withContainer({ volumeMount: [] }), 'spec.containers[0].volumeMount', meant('volumeMounts')],
    [withContainer({ envfrom: [] }), 'spec.containers[0].envfrom', meant('envFrom')],
    [podManifest({ volume: [] }), 'spec.volume', meant('volumes')],
    [podManifest({ securitycontext: {} }), 'spec.securitycontext', meant('securityContext')],
    [podManifest({ securityContext: { fsgroup: 1 } }), 'spec.securityContext.fsgroup', meant('fsGroup')],
    [podManifest({}, { label: {} }), 'metadata.label', meant('labels')],
    [{ ...podManifest(), statu: {} }, 'statu', meant('status')],
    [podManifest({ volumes: [{ name: 'v', emptydir: {} }] }), 'spec.volumes[0].emptydir', meant('emptyDir')],
    [
      podManifest({ volumes: [{ name: 'v', emptyDir: { sizelimit: 1 } }] }),
      'spec.volumes[0].emptyDir.sizelimit',
      meant('sizeLimit'),
    ],
    [
      withContainer({ livenessProbe: { httpGet: { paths: '/' } } }),
      'spec.containers[0].livenessProbe.httpGet.paths',
      meant('path'),
    ],
    [podManifest({ [`${'n'.repeat(100_000)}`]: 1 }), `spec.${'n'.repeat(100_000)}`, 'unknown field'],
  ])('%#: is refused with what is meant', (raw, field, message) => {
    expect(faultsOf(raw)).toEqual({ [field]: message });
  });

  test('all are named at once, the likely spelling for the first hundred', () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `volumes${index}`);
    const { unknown } = checkPodFields(podManifest(Object.fromEntries(names.map((name) => [name, 1]))));
    expect([...unknown.keys()]).toEqual(names.map((name) => `spec.${name}`));
    expect([...unknown.values()].filter((message) => message === meant('volumes'))).toHaveLength(100);
  });
});

describe('a field of another type than the API’s', () => {
  test.each<[unknown, string, RegExp]>([
    [podManifest({ hostNetwork: 'yes' }), 'spec.hostNetwork', /true or false, not a string/],
    [podManifest({ priority: 2 ** 31 }), 'spec.priority', /32 bits/],
    [podManifest({ activeDeadlineSeconds: 2 ** 63 }), 'spec.activeDeadlineSeconds', /64 bits/],
    [podManifest({ activeDeadlineSeconds: 1.5 }), 'spec.activeDeadlineSeconds', /whole number/],
    [podManifest({ nodeSelector: { a: 1 } }), 'spec.nodeSelector[a]', /quotes/],
    [podManifest({ nodeSelector: [] }), 'spec.nodeSelector', /a mapping, not a list/],
    [podManifest({ tolerations: {} }), 'spec.tolerations', /a list, not a mapping/],
    [podManifest({ tolerations: ['x'] }), 'spec.tolerations[0]', /a mapping/],
    [podManifest({ overhead: { cpu: 'much' } }), 'spec.overhead[cpu]', /a quantity/],
    [podManifest({ overhead: { cpu: true } }), 'spec.overhead[cpu]', /a quantity/],
    [podManifest({}, { creationTimestamp: 'yesterday' }), 'metadata.creationTimestamp', /2006/],
    [
      withContainer({ livenessProbe: { httpGet: { port: true } } }),
      'spec.containers[0].livenessProbe.httpGet.port',
      /a whole number/,
    ],
  ])('%#', (raw, field, message) => {
    expect(faultsOf(raw)).toEqual({ [field]: expect.stringMatching(message) });
  });

  test('null is as good as nothing, and some types take anything that fits', () => {
    const metadata = {
      creationTimestamp: '2026-11-29T09:06:26Z',
      deletionGracePeriodSeconds: 2n ** 62n,
      managedFields: [{ fieldsV1: { 'f:spec': {} } }],
    };
    const spec = { tolerations: null, overhead: { cpu: 1 }, nodeSelector: { a: null }, priority: -1 };
    expect(faultsOf(podManifest(spec, metadata))).toEqual({});
  });
});

test('what is Lantern’s own is known as well', () => {
  const volumes = [
    { name: 'a', request: {} },
    { name: 'c', projected: { sources: [{ request: {} }, { serviceAccountToken: { path: 't', user: 1 } }] } },
    { name: 'b', secret: { secretName: 's', defaultUser: 1, items: [{ key: 'k', path: 'p', user: 1, group: 1 }] } },
  ];
  expect(faultsOf(podManifest({ volumes }))).toEqual({});
});

test('the list is whole: every type that a field has is in it', () => {
  const types = Object.values(POD_TYPES).flatMap((fields) => fields.split(' ').map((word) => word.split(':')[1] ?? ''));
  const objects = types.map((type) => type.replace(/\W+$/, '')).filter((type) => !/^[a-z]/.test(type));
  expect(objects.filter((type) => !(type in POD_TYPES))).toEqual([]);
  expect([...fieldsOfType('PodSpec').keys()]).toEqual(expect.arrayContaining(['volumes', 'containers', 'resources']));
  expect(CORE_KINDS).toEqual(expect.arrayContaining(['Namespace', 'Pod', 'Secret', 'Service']));
});

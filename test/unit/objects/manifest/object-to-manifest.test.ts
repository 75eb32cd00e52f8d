import { expect, it } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { objectToManifest } from '../../../../src/objects/manifest/object-to-manifest.ts';
import { parseObject } from '../../../../src/objects/manifest/parse-manifest.ts';
import type { ObjectKind } from '../../../../src/objects/object.ts';
import { draftOf, stored } from '../../../support/objects/manifests.ts';

const metadata = { name: 'db', namespace: 'team-a', labels: { b: '1', a: '2' }, annotations: { note: 'x' } };
const samples: [ObjectKind, Record<string, unknown>][] = [
  ['Secret', { metadata, stringData: { z: 'x', a: 'größe' }, immutable: true }],
  ['ConfigMap', { metadata, data: { a: 'x' }, binaryData: { b: '/w==' } }],
  ['ServiceAccount', { metadata, secrets: [{ name: 's' }], automountServiceAccountToken: false }],
  ['ProjectedVolume', { metadata }],
  [
    'UnitCredentials',
    {
      metadata,
      spec: {
        units: ['web@*.service'],
        credentials: [
          { name: 'a', secretKeyRef: { name: 'db', key: 'k', optional: true } },
          { name: 'b', configMapKeyRef: { name: 'c', key: 'k' } },
        ],
      },
    },
  ],
];

it.each(samples)('a %s comes back as it was', (kind, fields) => {
  const object = stored(draftOf(kind, fields));
  const { uid: _, creationTimestamp: __, ...kept } = object.metadata;
  const manifest = JSON.parse(JSON.stringify(objectToManifest(object, { withData: true })));
  expect(orThrow(parseObject(manifest, 'default')).draft).toEqual({ ...object, metadata: kept });
});

it('looks as kubectl prints it: fields and keys in order, empty maps left out', () => {
  const object = stored(draftOf('Secret', { metadata: { name: 'db' }, stringData: { z: 'x', a: 'y' } }));
  expect(JSON.stringify(objectToManifest(object, { withData: true }))).toBe(
    '{"apiVersion":"v1","data":{"a":"eQ==","z":"eA=="},"kind":"Secret","metadata":{"creationTimestamp":"2026-11-23T19:24:08Z",' +
      '"name":"db","namespace":"default","resourceVersion":"7","uid":"u-1"},"type":"Opaque"}',
  );
});

it.each(samples.slice(0, 2))('a %s without its data has neither values nor keys', (kind, fields) => {
  const manifest = objectToManifest(stored(draftOf(kind, fields)), { withData: false });
  expect(Object.keys(manifest)).not.toEqual(expect.arrayContaining(['data']));
  expect(Object.keys(manifest)).not.toEqual(expect.arrayContaining(['binaryData']));
});

it('never shows the last applied configuration, which holds the data', () => {
  const draft = draftOf('Secret');
  const annotations = new Map([['kubectl.kubernetes.io/last-applied-configuration', 'hunter2']]);
  const object = stored({ ...draft, metadata: { ...draft.metadata, annotations } });
  expect(JSON.stringify(objectToManifest(object, { withData: true }))).not.toContain('hunter2');
});

import { describe, expect, it } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { parseObject } from '../../../../src/objects/manifest/parse-manifest.ts';
import { OBJECT_KINDS, type ObjectKind } from '../../../../src/objects/object.ts';
import { draftOf, manifestOf } from '../../../support/objects/manifests.ts';
import { faultLines } from '../../../support/suite/expectations.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const base64 = (text: string) => Buffer.from(text).toString('base64');
const noMaps = { labels: new Map(), annotations: new Map() };

const reference = { name: 'db', key: 'k' };
type Fields = Record<string, unknown>;
const faultyCredentials = (
  [
    [{ units: [] }, 'spec.units: must not be empty'],
    [{ credentials: [] }, 'spec.credentials: must not be empty'],
    [
      { units: Array(101).fill('a.service') },
      'spec.units: must have no more than 100 entries; make several objects of it',
    ],
    ...['*', 'app', 'app.timer', 'a b.service', 'a*b*.service', '../x.service', `${'a'.repeat(250)}.service`].map(
      (unit): [Fields, string] => [
        { units: ['app.service', unit] },
        'spec.units[1]: must be a service, socket, mount or swap unit of systemd, such as "app.service" or "web@*.service", with one "*" at most',
      ],
    ),
    [
      { credentials: [{ name: 'a', secretKeyRef: reference, configMapKeyRef: reference }] },
      'spec.credentials[0]: must have exactly one of secretKeyRef, configMapKeyRef; secretKeyRef and configMapKeyRef are there',
    ],
    [
      { credentials: [{ name: 'a:b', secretKeyRef: reference }] },
      "spec.credentials[0].name: a key has letters, digits, '-', '_' and '.' only",
    ],
    [
      { credentials: ['a', 'b', 'a'].map((name) => ({ name, secretKeyRef: reference })) },
      'spec.credentials[2].name: an earlier credential has this name',
    ],
    [
      { credentials: [{ name: 'a', configMapKeyRef: { name: 'db', key: '../k' } }] },
      "spec.credentials[0].configMapKeyRef.key: a key has letters, digits, '-', '_' and '.' only",
    ],
    [
      { credentials: [{ name: 'a', secretKeyRef: { ...reference, optinal: true } }] },
      'spec.credentials[0].secretKeyRef.optinal: unknown field; did you mean "optional"?',
    ],
  ] satisfies [Fields, string][]
).map(([change, fault]): [ObjectKind, Fields, string] => {
  const spec = { units: ['app.service'], credentials: [{ name: 'a', secretKeyRef: reference }], ...change };
  return ['UnitCredentials', { spec }, fault];
});

describe('a draft', () => {
  it('of a Secret: stringData over data, type and namespace by default', () => {
    const data = { a: base64('old'), b: base64('kept'), c: null };
    expect(draftOf('Secret', { data, stringData: { a: 'new', d: 'größe' } })).toEqual({
      kind: 'Secret',
      metadata: { name: 'db', namespace: 'default', ...noMaps },
      type: 'Opaque',
      data: new Map([
        ['a', bytes('new')],
        ['b', bytes('kept')],
        ['d', bytes('größe')],
      ]),
      immutable: false,
    });
  });

  it('of a ConfigMap', () => {
    const fields = { data: { a: 'x' }, binaryData: { b: base64('\0\xff') }, immutable: true };
    expect(draftOf('ConfigMap', fields)).toEqual({
      kind: 'ConfigMap',
      metadata: { name: 'db', namespace: 'default', ...noMaps },
      data: new Map([['a', 'x']]),
      binaryData: new Map([['b', bytes('\0\xff')]]),
      immutable: true,
    });
  });

  it('of a ServiceAccount', () => {
    const fields = { secrets: [{ name: 's' }], imagePullSecrets: [{ name: 'p' }], automountServiceAccountToken: false };
    expect(draftOf('ServiceAccount', fields)).toMatchObject({
      secrets: ['s'],
      imagePullSecrets: ['p'],
      automountServiceAccountToken: false,
    });
    expect(draftOf('ServiceAccount')).toMatchObject({ secrets: [], imagePullSecrets: [] });
  });

  it('of a ProjectedVolume: the spec as it was written', () => {
    expect(draftOf('ProjectedVolume')).toMatchObject({ spec: { secret: { secretName: 'db' } } });
  });

  it('has nothing where a key is null, and names it; the key must be one all the same', () => {
    const metadata = { name: 'db', labels: { l: null, m: 'x' }, annotations: { n: null } };
    const maps = { data: { a: null, b: base64('1') }, stringData: { c: null, d: '' } };
    const { draft, wording } = orThrow(parseObject(manifestOf('Secret', { metadata, ...maps }), 'default'));
    expect(draft).toEqual(
      draftOf('Secret', {
        metadata: { name: 'db', labels: { m: 'x' } },
        data: { b: base64('1') },
        stringData: { d: '' },
      }),
    );
    const nulls = ['data[a]', 'metadata.annotations[n]', 'metadata.labels[l]', 'stringData[c]'];
    expect([...wording.nulls].sort()).toEqual(nulls);
    const map = orThrow(
      parseObject(manifestOf('ConfigMap', { data: { a: null }, binaryData: { b: null } }), 'default'),
    );
    expect([...map.wording.nulls].sort()).toEqual(['binaryData[b]', 'data[a]']);
    const wrong = { data: { 'a b': null }, metadata: { name: 'db', labels: { 'l m': null } } };
    expect(
      faultLines(parseObject(manifestOf('Secret', wrong), 'default'))
        .map((line) => line.split(': ')[0])
        .sort(),
    ).toEqual(['data[a b]', 'metadata.labels[l m]']);
  });

  it.each<[Record<string, unknown>, string[]]>([
    [{}, ['immutable', 'type']],
    [{ type: '', immutable: null }, ['immutable', 'type']],
    [{ type: 'Opaque' }, ['immutable']],
    [{ immutable: false }, ['type']],
    [{ type: 'example.com/odd', immutable: true }, []],
  ])('of %j: says what is there by default alone', (fields, unsaid) => {
    const { wording } = orThrow(parseObject(manifestOf('Secret', fields), 'default'));
    expect([...wording.unsaid].sort()).toEqual(unsaid);
  });

  it.each(['data', 'stringData', 'type', 'immutable'])('takes null for no %s', (name) => {
    expect(draftOf('Secret', { [name]: null })).toEqual(draftOf('Secret'));
  });

  it('takes what `kubectl get -o yaml` printed, without what the server wrote', () => {
    const metadata = {
      name: 'db',
      namespace: 'team-a',
      labels: { app: 'db' },
      annotations: { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{"data": {}}' },
      uid: 'u',
      resourceVersion: '42',
      creationTimestamp: '2026-01-01T00:00:00Z',
      selfLink: '/x',
      generation: 1,
      managedFields: [{}],
      ownerReferences: [{}],
    };
    expect(draftOf('Secret', { metadata }).metadata).toEqual({
      name: 'db',
      namespace: 'team-a',
      labels: new Map([['app', 'db']]),
      annotations: new Map([['note', 'x']]),
      resourceVersion: '42',
    });
  });

  it('keeps a key that is special to JavaScript', () => {
    const manifest = manifestOf('Secret', { stringData: JSON.parse('{"__proto__": "x"}') });
    expect(orThrow(parseObject(manifest, 'default')).draft).toMatchObject({
      data: new Map([['__proto__', bytes('x')]]),
    });
  });
});

describe('a fault', () => {
  it.each<[ObjectKind, Record<string, unknown>, string]>([
    ['Secret', { apiVersion: 'v2' }, 'apiVersion: must be "v1"'],
    ['ProjectedVolume', { apiVersion: 'v1' }, 'apiVersion: must be "lantern.dev/v1"'],
    [
      'Secret',
      { kind: 'Secrets' },
      'kind: must be one of Secret, ConfigMap, ServiceAccount, ProjectedVolume, UnitCredentials; did you mean "Secret"?',
    ],
    ['Secret', { kind: undefined }, 'kind: is required'],
    ['Secret', { metadata: undefined }, 'metadata: is required'],
    ['Secret', { metadata: {} }, 'metadata.name: is required'],
    [
      'Secret',
      { metadata: { name: 'db', namespace: 'a.b' } },
      "metadata.namespace: must be a DNS-1123 label: lower-case letters, digits and '-', starting and ending with a letter or digit",
    ],
    [
      'Secret',
      { metadata: { name: 'db', resourceVersion: 7 } },
      'metadata.resourceVersion: must be a string, not a number; put it in quotes',
    ],
    ['Secret', { metadata: { name: 'db', lables: {} } }, 'metadata.lables: unknown field; did you mean "labels"?'],
    ['Secret', { stringdata: { a: 'x' } }, 'stringdata: unknown field; did you mean "stringData"?'],
    ['Secret', { stringData: { port: 5432 } }, 'stringData[port]: must be a string, not a number; put it in quotes'],
    [
      'Secret',
      { data: { 'tls.crt': 'hunter2!' } },
      'data[tls.crt]: plain text belongs into stringData; this field must be base64, padded to a multiple of four characters',
    ],
    ['Secret', { data: { '..x': '' } }, "data[..x]: a key must not start with '..'"],
    ['Secret', { type: 'kubernetes.io/ssh-auth' }, 'data[ssh-privatekey]: is required for type kubernetes.io/ssh-auth'],
    ['ConfigMap', { data: ['x'] }, 'data: must be a mapping, not a list'],
    ['ConfigMap', { data: { a: 'x' }, binaryData: { a: '' } }, 'binaryData[a]: this key is in data as well'],
    ['ServiceAccount', { secrets: ['x'] }, 'secrets[0]: must be a mapping, not a string'],
    [
      'ServiceAccount',
      { imagePullSecrets: [{ name: 'A' }] },
      "imagePullSecrets[0].name: must be a DNS-1123 subdomain: lower-case letters, digits, '-' and '.', where each part starts and ends with a letter or digit",
    ],
    ['ProjectedVolume', { spec: undefined }, 'spec: is required'],
    ['UnitCredentials', { spec: { units: ['a.service'] } }, 'spec.credentials: is required'],
    ...faultyCredentials,
  ])('in a %s with %j', (kind, fields, fault) => {
    expect(faultLines(parseObject(manifestOf(kind, fields), 'default'))).toEqual([fault]);
  });

  it.each([null, undefined, [], 'x', 5])('in %j, which is no object', (raw) => {
    expect(faultLines(parseObject(raw, 'default'))).toHaveLength(1);
  });

  it('comes with all the others', () => {
    const metadata = { name: 'DB', labels: { 'a/b/c': '-' }, extra: 1 };
    const manifest = manifestOf('Secret', {
      metadata,
      data: { 'a b': '!', c: '!' },
      stringData: { d: 1 },
      immutable: 'no',
    });
    const fields = faultLines(parseObject(manifest, 'default')).map((line) => line.split(': ')[0]);
    expect(fields.sort()).toEqual([
      'data[a b]',
      'data[a b]',
      'data[c]',
      'immutable',
      'metadata.extra',
      'metadata.labels[a/b/c]',
      'metadata.labels[a/b/c]',
      'metadata.name',
      'stringData[d]',
    ]);
  });

  it('never shows a value', () => {
    const manifest = manifestOf('Secret', {
      data: { a: 'hunter2!', b: ['hunter2'], c: { hunter2: 1 } },
      stringData: 'hunter2',
      type: ['hunter2'],
      immutable: 'hunter2',
      metadata: { name: 'hunter2 is the password', labels: { a: 'hunter2 ' }, annotations: { a: ['hunter2'] } },
    });
    const lines = faultLines(parseObject(manifest, 'default'));
    expect(lines.length).toBeGreaterThanOrEqual(9);
    expect(lines.join()).not.toContain('hunter2');
  });
});

it('leaves out what clusters write into metadata and references', () => {
  const written = {
    generateName: 'db-',
    finalizers: ['example.com/f'],
    deletionTimestamp: '2026-11-23T19:24:08Z',
    deletionGracePeriodSeconds: 0,
    clusterName: 'c',
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true }],
    managedFields: [{ manager: 'kubectl', fieldsV1: {} }],
    selfLink: '/api/v1/x',
    generation: 3,
  };
  const metadata = { name: 'db' };
  for (const kind of OBJECT_KINDS) {
    expect(draftOf(kind, { metadata: { ...metadata, ...written } })).toEqual(draftOf(kind, { metadata }));
  }
  const reference = {
    kind: 'Secret',
    namespace: 'default',
    name: 's',
    uid: 'u',
    apiVersion: 'v1',
    resourceVersion: '4',
  };
  const secrets = [{ ...reference, fieldPath: 'x' }];
  expect(draftOf('ServiceAccount', { secrets })).toEqual(draftOf('ServiceAccount', { secrets: [{ name: 's' }] }));
});

it('names the field that takes plain text', () => {
  const faults = (kind: ObjectKind, fields: Record<string, unknown>) =>
    faultLines(parseObject(manifestOf(kind, fields), 'default'));
  expect(faults('Secret', { data: { a: 'a b' } })[0]).toMatch(/^data\[a\]: plain text belongs into stringData; /);
  expect(faults('ConfigMap', { binaryData: { a: 'a b' } })[0]).toMatch(
    /^binaryData\[a\]: plain text belongs into data; /,
  );
});

it('refuses numbers that JSON would round', () => {
  const spec = { secret: { secretName: 'db', items: [{ key: 'k', path: 'p', mode: 2n ** 60n }] } };
  expect(faultLines(parseObject(manifestOf('ProjectedVolume', { spec }), 'default'))).toEqual([
    'spec: has a number with more digits than any field takes',
  ]);
  expect(faultLines(parseObject(manifestOf('ConfigMap', { data: { a: 2n ** 60n } }), 'default'))).toEqual([
    'data[a]: must be a string, not a number with that many digits; put it in quotes',
  ]);
});

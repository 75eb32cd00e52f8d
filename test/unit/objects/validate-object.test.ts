import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../src/base/errors.ts';
import type { ObjectDraft } from '../../../src/objects/object.ts';
import { MAX_DATA_BYTES, validateObject, validateReplacement } from '../../../src/objects/validate-object.ts';
import { draftOf, stored } from '../../support/objects/manifests.ts';

const lines = (faults: readonly Fault[]) => faults.map(({ field, message }) => `${field}: ${message}`);
const bytes = (text: string) => new TextEncoder().encode(text);
const values = (entries: Record<string, string>) => new Map(Object.entries(entries).map(([k, v]) => [k, bytes(v)]));

const metadata = {
  name: 'db',
  namespace: 'default',
  labels: new Map<string, string>(),
  annotations: new Map<string, string>(),
};
const secret = (type: string, data: Record<string, string>, annotations: Record<string, string> = {}): ObjectDraft => ({
  kind: 'Secret',
  metadata: { ...metadata, annotations: new Map(Object.entries(annotations)) },
  type,
  data: values(data),
  immutable: false,
});
const configMap = (data: Record<string, string>, binaryData: Record<string, string> = {}): ObjectDraft => ({
  kind: 'ConfigMap',
  metadata,
  data: new Map(Object.entries(data)),
  binaryData: values(binaryData),
  immutable: false,
});

describe('Secret types', () => {
  it.each([
    ['kubernetes.io/tls', { 'tls.crt': '', 'tls.key': '' }, {}],
    ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{"auths": {}}' }, {}],
    ['kubernetes.io/dockercfg', { '.dockercfg': '{}' }, {}],
    ['kubernetes.io/basic-auth', { username: '' }, {}],
    ['kubernetes.io/basic-auth', { password: 'x' }, {}],
    ['kubernetes.io/ssh-auth', { 'ssh-privatekey': 'x' }, {}],
    ['kubernetes.io/service-account-token', {}, { 'kubernetes.io/service-account.name': 'default' }],
    ['example.com/anything', {}, {}],
    ['Opaque', {}, {}],
  ])('%s with %j is complete', (type, data, annotations) => {
    expect(validateObject(secret(type, data, annotations))).toEqual([]);
  });

  it.each([
    ['kubernetes.io/tls', { 'tls.crt': 'x' }, ['data[tls.key]: is required for type kubernetes.io/tls']],
    [
      'kubernetes.io/tls',
      {},
      [
        'data[tls.crt]: is required for type kubernetes.io/tls',
        'data[tls.key]: is required for type kubernetes.io/tls',
      ],
    ],
    [
      'kubernetes.io/dockerconfigjson',
      {},
      ['data[.dockerconfigjson]: is required for type kubernetes.io/dockerconfigjson'],
    ],
    [
      'kubernetes.io/dockerconfigjson',
      { '.dockerconfigjson': '{"hunter2' },
      ['data[.dockerconfigjson]: must be a JSON object, of no more than 10000 keys and values'],
    ],
    [
      'kubernetes.io/dockerconfigjson',
      { '.dockerconfigjson': '[]' },
      ['data[.dockerconfigjson]: must be a JSON object, of no more than 10000 keys and values'],
    ],
    [
      'kubernetes.io/dockercfg',
      { '.dockercfg': 'null' },
      ['data[.dockercfg]: must be a JSON object, of no more than 10000 keys and values'],
    ],
    [
      'kubernetes.io/basic-auth',
      { user: 'x' },
      ['data: username or password is required for type kubernetes.io/basic-auth'],
    ],
    [
      'kubernetes.io/ssh-auth',
      { 'ssh-privatekey': '' },
      ['data[ssh-privatekey]: is required for type kubernetes.io/ssh-auth'],
    ],
    [
      'kubernetes.io/service-account-token',
      {},
      [
        'metadata.annotations[kubernetes.io/service-account.name]: is required for type kubernetes.io/service-account-token',
      ],
    ],
  ])('%s with %j lacks something', (type, data, faults) => {
    expect(lines(validateObject(secret(type, data)))).toEqual(faults);
  });
});

describe('sizes', () => {
  const tooLong = 'data: Too long: may not be more than 1048576 bytes';
  const half = 'x'.repeat(MAX_DATA_BYTES / 2);
  const umlauts = 'ä'.repeat(MAX_DATA_BYTES / 2);

  it.each<[string, ObjectDraft]>([
    ['a Secret', secret('Opaque', { a: half, b: half })],
    ['a ConfigMap', configMap({ a: half }, { b: half })],
    ['text counted in bytes', configMap({ a: umlauts })],
  ])('%s may be full', (_, draft) => {
    expect(validateObject(draft)).toEqual([]);
  });

  it.each<[string, ObjectDraft]>([
    ['a Secret', secret('Opaque', { a: half, b: `${half}x` })],
    ['a ConfigMap', configMap({ a: half }, { b: `${half}x` })],
    ['text counted in bytes', configMap({ a: `${umlauts}x` })],
  ])('%s may not be fuller', (_, draft) => {
    expect(lines(validateObject(draft))).toEqual([tooLong]);
  });

  it('annotations have 256 KiB for keys and values', () => {
    const full = 'x'.repeat(262_143);
    expect(validateObject(secret('Opaque', {}, { a: full }))).toEqual([]);
    expect(lines(validateObject(secret('Opaque', {}, { a: `${full}x` })))).toEqual([
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ]);
  });
});

it('checks names and keys of a draft that no manifest parser has seen', () => {
  const draft: ObjectDraft = {
    kind: 'ConfigMap',
    metadata: { name: 'DB', namespace: 'a.b', labels: new Map([['-', '-']]), annotations: new Map([['a b', '']]) },
    data: new Map([['..x', '']]),
    binaryData: new Map([
      ['a/b', bytes('')],
      ['..x', bytes('')],
    ]),
    immutable: false,
  };
  expect(validateObject(draft).map(({ field }) => field)).toEqual([
    'metadata.name',
    'metadata.namespace',
    'metadata.labels[-]',
    'metadata.labels[-]',
    'metadata.annotations[a b]',
    'data[..x]',
    'binaryData[a/b]',
    'binaryData[..x]',
    'binaryData[..x]',
  ]);
  const account: ObjectDraft = {
    kind: 'ServiceAccount',
    metadata,
    secrets: ['ok', 'A'],
    imagePullSecrets: [''],
    automountServiceAccountToken: undefined,
  };
  expect(validateObject(account).map(({ field }) => field)).toEqual(['secrets[1].name', 'imagePullSecrets[0].name']);
});

describe('a replacement', () => {
  const frozen = stored(draftOf('Secret', { stringData: { a: 'x' }, immutable: true }));
  const frozenMap = stored(draftOf('ConfigMap', { data: { a: 'x' }, binaryData: { b: 'aGk=' }, immutable: true }));

  it.each<[string, ReturnType<typeof stored>, ObjectDraft, string[]]>([
    ['the same', frozen, draftOf('Secret', { stringData: { a: 'x' }, immutable: true }), []],
    [
      'other metadata',
      frozen,
      draftOf('Secret', { metadata: { name: 'db', labels: { l: 'v' } }, stringData: { a: 'x' }, immutable: true }),
      [],
    ],
    ['another value', frozen, draftOf('Secret', { stringData: { a: 'y' }, immutable: true }), ['data']],
    ['another key', frozen, draftOf('Secret', { stringData: { b: 'x' }, immutable: true }), ['data']],
    ['one key more', frozen, draftOf('Secret', { stringData: { a: 'x', b: 'x' }, immutable: true }), ['data']],
    ['immutable unset', frozen, draftOf('Secret', { stringData: { a: 'x' } }), ['immutable']],
    ['everything', frozen, draftOf('Secret', { type: 'other' }), ['type', 'immutable', 'data']],
    ['binary data', frozenMap, draftOf('ConfigMap', { data: { a: 'x' }, immutable: true }), ['binaryData']],
    ['data', frozenMap, draftOf('ConfigMap', { binaryData: { b: 'aGk=' }, immutable: true }), ['data']],
    ['immutable set', stored(draftOf('Secret')), draftOf('Secret', { stringData: { a: 'y' }, immutable: true }), []],
    ['another type', stored(draftOf('Secret')), draftOf('Secret', { type: 'other' }), ['type']],
    [
      'a ServiceAccount',
      stored(draftOf('ServiceAccount')),
      draftOf('ServiceAccount', { secrets: [{ name: 's' }] }),
      [],
    ],
  ])('with %s', (_, current, next, fields) => {
    expect(validateReplacement(current, next).map(({ field }) => field)).toEqual(fields);
  });
});

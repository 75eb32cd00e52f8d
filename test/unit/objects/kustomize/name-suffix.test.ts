import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { manifestSuffix, nameSuffix } from '../../../../src/objects/kustomize/name-suffix.ts';

const NOTHING: ReadonlyMap<string, Uint8Array> = new Map();

function bytes(values: Record<string, string>): Map<string, Uint8Array> {
  return new Map(Object.entries(values).map(([key, value]) => [key, Buffer.from(value)]));
}

describe("kubectl's suffix of a Secret", () => {
  test.each([
    // What `kubectl create secret generic foo --append-hash` answers.
    { name: 'foo', type: '', data: {}, suffix: '949tdgdkgg' },
    { name: 'foo', type: 'my-type', data: {}, suffix: 'dg474f9t76' },
    { name: 'foo', type: '', data: { key2: 'value2', key1: 'value1' }, suffix: 'tf72c228m4' },
    { name: '', type: 'my-type', data: { one: '' }, suffix: '74bd68bm66' },
    { name: '', type: 'my-type', data: { two: '2', one: '', three: '3' }, suffix: 'dgcb6h9tmk' },
    // The document of Kubernetes 1.15 on Secrets: the type was part of the hash there.
    {
      name: 'db-user-pass',
      type: 'Opaque',
      data: { 'username.txt': 'admin', 'password.txt': '1f2d1e2e67df' },
      suffix: '96mffmfh4k',
    },
  ])('$name of type "$type" → $suffix', ({ name, type, data, suffix }) => {
    expect(nameSuffix({ kind: 'Secret', name, type, data: bytes(data) })).toBe(suffix);
  });
});

describe("kubectl's suffix of a ConfigMap", () => {
  test.each([
    { name: 'foo', data: {}, suffix: '867km9574f' },
    { name: 'foo', data: { key2: 'value2', key1: 'value1' }, suffix: 'gcb75dd9gb' },
    { name: '', data: { one: '' }, suffix: '9g67k2htb6' },
    { name: '', data: { two: '2', one: '', three: '3' }, suffix: 'f5h7t85m9b' },
  ])('$name with $data → $suffix', ({ name, data, suffix }) => {
    const object = { kind: 'ConfigMap', name, data: new Map(Object.entries(data)), binaryData: NOTHING } as const;
    expect(nameSuffix(object)).toBe(suffix);
  });

  test('is over the JSON that Go writes: keys in order of their bytes, HTML escaped', () => {
    const data = new Map([
      ['b', '<&>\u2028"\n'],
      ['10', ''],
      ['9', ''],
    ]);
    const json =
      '{"binaryData":{"x":"/w=="},"data":{"10":"","9":"","b":"\\u003c\\u0026\\u003e\\u2028\\"\\n"},"kind":"ConfigMap","name":"n"}';
    const hex = createHash('sha256').update(json).digest('hex').slice(0, 10);
    const expected = hex
      .replaceAll('0', 'g')
      .replaceAll('1', 'h')
      .replaceAll('3', 'k')
      .replaceAll('a', 'm')
      .replaceAll('e', 't');
    expect(nameSuffix({ kind: 'ConfigMap', name: 'n', data, binaryData: new Map([['x', Buffer.of(0xff)]]) })).toBe(
      expected,
    );
  });
});

describe("kustomize's suffix of a manifest", () => {
  const secret = (fields: Record<string, unknown>) => ({ kind: 'Secret', type: 'Opaque', ...fields });
  test.each([
    // What kustomize 5.8 answers.
    { manifest: { kind: 'Secret', type: 'Opaque', data: {} }, suffix: '46f8b28mk5' },
    { manifest: secret({ type: 'my-type' }), suffix: '5gmgkf8578' },
    { manifest: secret({ type: 'my-type', data: { one: '' } }), suffix: '74bd68bm66' },
    { manifest: secret({ data: { a: 'PCY+' } }), suffix: 't8dd8d42gk' },
    { manifest: secret({ data: { a: 'MQ==' }, immutable: true }), suffix: '25khgmg44c' },
    { manifest: secret({ data: { a: 'MQ==' }, stringData: { q: '<b>' } }), suffix: 'tm8tfk72fm' },
    { manifest: { kind: 'ConfigMap' }, suffix: '6ct58987ht' },
    { manifest: { kind: 'ConfigMap', data: { one: '' } }, suffix: '9g67k2htb6' },
    { manifest: { kind: 'ConfigMap', data: { query: 'a < b && c > d' } }, suffix: '5d5fgfc647' },
    { manifest: { kind: 'ConfigMap', binaryData: { one: '' } }, suffix: '6mtk2m274t' },
    { manifest: { kind: 'ConfigMap', data: { one: '' }, binaryData: { two: '' } }, suffix: '698h7c7t9m' },
  ])('$manifest → $suffix', ({ manifest, suffix }) => {
    expect(manifestSuffix(manifest)).toBe(suffix);
    expect(manifestSuffix({ ...manifest, metadata: { name: 'x', labels: { a: 'b' } } })).toBe(suffix);
  });
});

describe('the suffix that kubectl 1.14 and 1.15 gave to generated names', () => {
  test.each([
    { data: { 'username.txt': 'admin', 'password.txt': '1f2d1e2e67df' }, suffix: '96mffmfh4k' },
    { data: { username: 'admin', password: 'secret' }, suffix: 'dddghtt9b5' },
  ])('$data → $suffix', ({ data, suffix }) => {
    expect(nameSuffix({ kind: 'Secret', name: 'db-user-pass', type: 'Opaque', data: bytes(data) })).toBe(suffix);
  });

  test('a ConfigMap of the documentation', () => {
    const data = new Map([['application.properties', 'FOO=Bar\n']]);
    const object = { kind: 'ConfigMap', name: 'example-configmap-1', data, binaryData: NOTHING } as const;
    expect(nameSuffix(object)).toBe('8mbdf7882g');
  });
});

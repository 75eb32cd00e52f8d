import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { generatedSuffix, nameSuffix } from '../../../src/objects/name-suffix.ts';

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

describe('the suffix of a generated name', () => {
  const files = { 'username.txt': 'admin', 'password.txt': '1f2d1e2e67df' };
  const literals = { username: 'admin', password: 'secret' };
  test.each([
    // What kustomize answers.
    { rule: 'kustomize', name: 'x', type: 'my-type', data: {}, suffix: '5gmgkf8578' },
    { rule: 'kustomize', name: 'x', type: 'my-type', data: { one: '' }, suffix: '74bd68bm66' },
    { rule: 'kustomize', name: 'app-secret', type: 'Opaque', data: { a: '<&>' }, suffix: 't8dd8d42gk' },
    // The document of Kubernetes 1.15 on Secrets.
    { rule: 'legacy', name: 'db-user-pass', type: 'Opaque', data: files, suffix: '96mffmfh4k' },
    { rule: 'legacy', name: 'db-user-pass', type: 'Opaque', data: literals, suffix: 'dddghtt9b5' },
  ] as const)('$rule: $name of type "$type" → $suffix', ({ rule, name, type, data, suffix }) => {
    expect(generatedSuffix({ kind: 'Secret', name, type, data: bytes(data) }, rule)).toBe(suffix);
  });

  test.each([
    { data: {}, suffix: '6ct58987ht' },
    { data: { one: '' }, suffix: '9g67k2htb6' },
    { data: { query: 'a < b && c > d' }, suffix: '5d5fgfc647' },
  ])('kustomize: a ConfigMap with $data → $suffix', ({ data, suffix }) => {
    const object = { kind: 'ConfigMap', name: 'x', data: new Map(Object.entries(data)), binaryData: NOTHING } as const;
    expect(generatedSuffix(object, 'kustomize')).toBe(suffix);
  });

  test.each([
    { data: {}, binaryData: { one: '' }, suffix: '6mtk2m274t' },
    { data: { one: '' }, binaryData: { two: '' }, suffix: '698h7c7t9m' },
  ])('kustomize: a ConfigMap with $data and $binaryData → $suffix', ({ data, binaryData, suffix }) => {
    const texts = new Map(Object.entries(data));
    const object = { kind: 'ConfigMap', name: 'x', data: texts, binaryData: bytes(binaryData) } as const;
    expect(generatedSuffix(object, 'kustomize')).toBe(suffix);
  });

  test.each([
    { length: 51, lines: [68] },
    { length: 54, lines: [70, 2] },
    { length: 105, lines: [70, 70] },
  ])('kustomize hashes the base64 of $length bytes in lines of $lines', ({ length, lines }) => {
    const value = Buffer.alloc(length, 'x');
    let rest = value.toString('base64');
    let written = '';
    for (const size of lines) {
      written += `${rest.slice(0, size)}${lines.length > 1 ? '\n' : ''}`;
      rest = rest.slice(size);
    }
    const json = JSON.stringify({ data: { k: written }, kind: 'Secret', name: '', type: 'Opaque' });
    const hex = createHash('sha256').update(json).digest('hex').slice(0, 10);
    const letters = new Map(Object.entries({ '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' }));
    const expected = [...hex].map((digit) => letters.get(digit) ?? digit).join('');
    const object = { kind: 'Secret', name: 'x', type: 'Opaque', data: new Map([['k', value]]) } as const;
    expect(generatedSuffix(object, 'kustomize')).toBe(expected);
  });

  test('legacy: a ConfigMap of the documentation of Kubernetes 1.14', () => {
    const data = new Map([['application.properties', 'FOO=Bar\n']]);
    const object = { kind: 'ConfigMap', name: 'example-configmap-1', data, binaryData: NOTHING } as const;
    expect(generatedSuffix(object, 'legacy')).toBe('8mbdf7882g');
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LanternError } from '../../../../src/base/errors.ts';
import { orThrow } from '../../../../src/base/parsed.ts';
import { type PatchType, parseObjectPatch, patchedObject } from '../../../../src/cli/changing/patch-object.ts';
import { objectToManifest } from '../../../../src/objects/manifest/object-to-manifest.ts';
import type { StoredObject } from '../../../../src/objects/object.ts';

const VALUE = 'pl4nted-v4lue';

const METADATA = {
  name: 'db',
  namespace: 'shop',
  labels: new Map([['app', 'web']]),
  annotations: new Map<string, string>(),
  uid: 'u',
  resourceVersion: '7',
  creationTimestamp: '2026-11-30T00:00:00Z',
};
const SECRET: StoredObject = {
  kind: 'Secret',
  metadata: METADATA,
  type: 'Opaque',
  data: new Map([['a', Buffer.from(VALUE)]]),
  immutable: false,
};
const MAP: StoredObject = {
  kind: 'ConfigMap',
  metadata: METADATA,
  data: new Map([
    ['a', VALUE],
    ['b', 'c'],
  ]),
  binaryData: new Map(),
  immutable: false,
};

function patched(object: StoredObject, patch: unknown, type: PatchType = 'merge'): Record<string, unknown> {
  const text = typeof patch === 'string' ? patch : JSON.stringify(patch);
  return objectToManifest(patchedObject(object, orThrow(parseObjectPatch(text, type))), { withData: true });
}

/** What a patch may do to a map of texts; the oracle is RFC 7396's own pseudo-code on one level. */
test('a merge patch sets, changes and removes keys, and nothing else', () => {
  const key = fc.oneof(
    fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString'),
    fc.stringMatching(/^[a-z]{1,3}$/),
  );
  const map = fc.dictionary(key, fc.oneof(fc.string({ unit: 'grapheme-ascii' }), fc.constant(null)), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(map, (changes) => {
      const wanted = new Map(MAP.kind === 'ConfigMap' ? MAP.data : []);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) wanted.delete(name);
        else wanted.set(name, value);
      }
      const after = patchedObject(MAP, { type: 'merge', fields: { data: changes } });
      expect(after).toMatchObject({ kind: 'ConfigMap', data: wanted });
    }),
  );
  expect(({} as Record<string, unknown>).a).toBeUndefined();
});

test.each(['merge', 'default'] as const)('%s: revision and identity stay, also if the patch repeats them', (type) => {
  const patch = { metadata: { name: 'db', labels: { app: null, tier: 'db' } }, stringData: { b: 'x' } };
  expect(patched(SECRET, patch, type)).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name: 'db', namespace: 'shop', labels: { tier: 'db' }, resourceVersion: '7' },
    data: { a: Buffer.from(VALUE).toString('base64'), b: 'eA==' },
  });
});

describe('is refused, without a value in the message', () => {
  const remove = (path: string) => [{ op: 'remove', path }];
  const copies = Array.from({ length: 40 }, (_, at) => ({ op: 'copy', from: '/data', path: `/data/x${at}` }));
  test.each<[string, PatchType, unknown, RegExp]>([
    ['another name', 'merge', { metadata: { name: 'x' } }, /metadata\.name: must stay "db"/],
    ['another namespace', 'merge', { metadata: { namespace: 'x' } }, /metadata\.namespace: must stay "shop"/],
    ['another kind', 'merge', { kind: 'Secret', data: null }, /kind: must stay "ConfigMap"/],
    ['no object left', 'json', [{ op: 'replace', path: '', value: 1 }], /the whole document cannot be another/],
    ['a value that is no text', 'merge', { data: { a: { b: VALUE } } }, /data\[a\]: must be a string, not a mapping/],
    ['an unknown field', 'merge', { dta: { a: VALUE } }, /dta: unknown field; did you mean "data"/],
    ['a prototype', 'merge', `{"__proto__": {"a": "${VALUE}"}}`, /__proto__: unknown field/],
    ['the prototype of a map', 'json', remove('/data/__proto__/toString'), /there is nothing at this path/],
    ['an inherited member', 'json', remove('/data/toString'), /there is nothing at this path/],
    [
      'a member to replace that is missing',
      'json',
      [{ op: 'replace', path: '/data/x', value: VALUE }],
      /nothing at this path/,
    ],
    ['a test of another value', 'json', [{ op: 'test', path: '/data/a', value: 'x' }], /the value there is another/],
    ['an unknown operation', 'json', [{ op: 'merge', path: '/data' }], /^\[0\]\.op: /],
    ['copies of copies', 'json', copies, /grows beyond all measure/],
    ['too many operations', 'json', Array(1001).fill(remove('/a')).flat(), /1000/],
    [
      'too many nodes',
      'merge',
      { data: Object.fromEntries(Array.from({ length: 60_001 }, (_, at) => [at, ''])) },
      /no more than 60000/,
    ],
    ['deep nesting', 'merge', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, /./],
    ['a long text', 'merge', `{"a": "${'x'.repeat(5 * 1024 * 1024)}"}`, /no more than 4 MiB/],
    ['a list to merge', 'merge', [], /a list is a JSON patch: add --type=json/],
    ['nothing', 'merge', '', /must be one document/],
    ['two documents', 'merge', '{}\n---\n{}', /must be one document/],
    ['a directive', 'default', { data: { $patch: 'replace' } }, /"\$patch" belongs to strategic merge patches/],
    ['a directive in a list', 'merge', { secrets: [{ $retainKeys: ['a'] }] }, /"\$retainKeys" belongs to/],
  ])('%s', (_, type, patch, message) => {
    let error: unknown;
    try {
      patched(MAP, patch, type);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(LanternError);
    expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(message) });
    expect(String(error)).not.toContain(VALUE);
  });
});

test("only the list to which kubectl's default patch would add needs a type", () => {
  const account: StoredObject = {
    kind: 'ServiceAccount',
    metadata: METADATA,
    secrets: ['a'],
    imagePullSecrets: ['a'],
    automountServiceAccountToken: undefined,
  };
  expect(patched(account, { imagePullSecrets: [{ name: 'b' }] }, 'default')).toMatchObject({
    secrets: [{ name: 'a' }],
    imagePullSecrets: [{ name: 'b' }],
  });
  expect(() => patched(account, { secrets: [{ name: 'b' }] }, 'default')).toThrow(/kubectl would add to this list/);
  expect(patched(account, { secrets: [{ name: 'b' }] }, 'merge')).toMatchObject({ secrets: [{ name: 'b' }] });
});

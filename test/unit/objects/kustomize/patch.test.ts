import { expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { matchWhole, mergePatch } from '../../../../src/objects/kustomize/patch.ts';

const MANIFEST = { kind: 'Secret', metadata: { name: 's', labels: { a: 'b' } }, data: { k: 'v', l: 'w' } };

test.each([
  ['keys of maps', { data: { k: 'n', m: 'n' } }, { data: { k: 'n', l: 'w', m: 'n' } }],
  ['null removes', { data: { k: null }, metadata: { labels: null } }, { data: { l: 'w' }, metadata: { name: 's' } }],
  ['null of what is not there', { stringData: { k: null } }, { stringData: {} }],
  ['an empty map changes nothing', { data: {} }, {}],
  ['lists are replaced', { list: [1] }, { list: [1] }],
  ['$patch: replace', { data: { $patch: 'replace', n: 'o' } }, { data: { n: 'o' } }],
  ['$patch: merge', { data: { $patch: 'merge', k: 'o' } }, { data: { k: 'o', l: 'w' } }],
])('%s', (_, patch, changes) => {
  const before = structuredClone(MANIFEST);
  expect(mergePatch(MANIFEST, patch)).toEqual({ ...MANIFEST, ...changes });
  expect(MANIFEST).toEqual(before);
});

test('$patch: delete of a map, and of all', () => {
  const { data: _, ...rest } = MANIFEST;
  expect(mergePatch(MANIFEST, { data: { $patch: 'delete' } })).toEqual(rest);
  expect(mergePatch(MANIFEST, { $patch: 'delete' })).toBeUndefined();
});

test('a key called __proto__ is a key like any other', () => {
  const patch = JSON.parse('{"data": {"__proto__": "p"}}');
  expect(Object.entries((mergePatch(MANIFEST, patch) as typeof MANIFEST).data)).toContainEqual(['__proto__', 'p']);
});

test.each([
  ['web', ['web']],
  ['we', []],
  ['w.*', ['web', 'w.']],
  ['web|api', ['web', 'api']],
  ['w\\.', ['w.']],
  ['[wa].*', ['web', 'w.', 'api']],
])('%s', (pattern, expected) => {
  expect([...orThrow(matchWhole(pattern, ['web', 'w.', 'api', 'webx'.slice(1), 'xweb']))]).toEqual(expected);
});

test.each(['(', '(a+)+$', '(.*)*(.*)*(.*)*x'])('%s is refused, in good time', (pattern) => {
  expect(matchWhole(pattern, [`${'a'.repeat(250)}!`])).toMatchObject({ ok: false });
});

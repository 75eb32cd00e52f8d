import { expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { matchWhole } from '../../../../src/objects/kustomize/patch.ts';

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

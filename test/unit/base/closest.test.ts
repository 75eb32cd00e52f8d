import { expect, it } from 'vitest';
import { closest } from '../../../src/base/parsed.ts';

const known = ['secretName', 'items', 'defaultMode', 'optional'];

it.each([
  ['secretname', 'secretName'],
  ['secretNam', 'secretName'],
  ['item', 'items'],
  ['defaultmod', 'defaultMode'],
  ['OPTIONAL', 'optional'],
  ['itmes', 'items'],
  ['', undefined],
  ['x', undefined],
  ['configMap', undefined],
])('the word meant by %j is %j', (word, meant) => {
  expect(closest(word, known)).toBe(meant);
});

it('has nothing to offer where nothing is known', () => {
  expect(closest('a', [])).toBeUndefined();
});

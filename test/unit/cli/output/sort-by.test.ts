import fc from 'fast-check';
import { expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { parseRelaxedPath } from '../../../../src/cli/output/parse-json-path.ts';
import { naturalOrder, sortedBy } from '../../../../src/cli/output/sort-by.ts';

const PATH = orThrow(parseRelaxedPath('.x', '--sort-by'));

function sorted(values: readonly unknown[]): readonly unknown[] {
  return sortedBy(
    PATH,
    values,
    values.map((x) => ({ x })),
  );
}

test.each<[unknown[], unknown[]]>([
  [
    ['v10', 'v9', 'v1'],
    ['v1', 'v9', 'v10'],
  ],
  [
    [10, 9, -1],
    [-1, 9, 10],
  ],
  [
    ['2026-11-30T10:00:00Z', '2026-11-30T09:00:00Z'],
    ['2026-11-30T09:00:00Z', '2026-11-30T10:00:00Z'],
  ],
  [
    ['b', undefined, 'a'],
    [undefined, 'a', 'b'],
  ],
  [[], []],
])('%j', (values, expected) => {
  // A field that is undefined is not there, as in JSON.
  const manifests = values.map((x) => (x === undefined ? {} : { x }));
  expect(sortedBy(PATH, values, manifests)).toEqual(expected);
});

test.each([
  [[{}], 'sort by ".x": a list or a map has no order'],
  [[[1]], 'sort by ".x": a list or a map has no order'],
])('%j cannot be sorted', (values, message) => {
  expect(() => sorted(values)).toThrow(message);
});

test('a field that no object has', () => {
  expect(() => sortedBy(PATH, [1, 2], [{}, {}])).toThrow('sort by ".x": no object has the field');
});

test('natural order is an order, and of numbers that of their values', () => {
  const text = fc.stringMatching(/^[ab0-9]{0,6}$/);
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      expect(Math.sign(naturalOrder(a, b))).toBe(-Math.sign(naturalOrder(b, a)) || 0);
      expect(naturalOrder(a, b) === 0).toBe(a === b);
      if (naturalOrder(a, b) <= 0 && naturalOrder(b, c) <= 0) expect(naturalOrder(a, c)).toBeLessThanOrEqual(0);
    }),
  );
  fc.assert(
    fc.property(fc.bigInt({ min: 0n }), fc.bigInt({ min: 0n }), (a, b) => {
      expect(Math.sign(naturalOrder(`v${a}`, `v${b}`))).toBe(a < b ? -1 : Number(a > b));
    }),
  );
});

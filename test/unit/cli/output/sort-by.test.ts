import fc from 'fast-check';
import { expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { parseRelaxedPath } from '../../../../src/cli/output/parse-json-path.ts';
import { sortedBy } from '../../../../src/cli/output/sort-by.ts';

const PATH = orThrow(parseRelaxedPath('.x', '--sort-by'));

function sorted(values: readonly unknown[]): readonly unknown[] {
  return sortedBy(
    PATH,
    values,
    values.map((x) => ({ x })),
  );
}

// Noted from kubectl 1.32 and a server with such labels.
test.each<[unknown[], unknown[]]>([
  [
    ['v10', 'v9', 'v1', 'v09', 'w'],
    ['v09', 'v1', 'v10', 'v9', 'w'],
  ],
  [
    ['10', '9', 'x', '1.5', undefined],
    [undefined, '1.5', '9', '10', 'x'],
  ],
  [
    ['2Mi', '1Gi', '3Ki', '5', undefined],
    [undefined, '5', '3Ki', '2Mi', '1Gi'],
  ],
  [
    ['B', 'a', '_', 'C'],
    ['B', 'C', '_', 'a'],
  ],
  [
    [10, 9, 1, 7, undefined],
    [undefined, 1, 7, 9, 10],
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

test('texts by their bytes, numbers by their value', () => {
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{2}[\u{ff00}\u{1f600}a-z]*$/u), { minLength: 1 }), (texts) => {
      expect(sorted(texts)).toEqual([...texts].sort(byBytes));
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (numbers) => {
      const ordered = [...numbers].sort((a, b) => a - b);
      expect(sorted(numbers)).toEqual(ordered);
      expect(sorted(numbers.map(String))).toEqual(ordered.map(String));
    }),
  );
});

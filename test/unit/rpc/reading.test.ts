import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { requestKey } from '../../../src/rpc/reading.ts';

const leaf = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(undefined, null, true, false, 0, 1, 10, 'undefined', 'null', 'true', '1', ''),
);
const message = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;
const request = fc.record({ volumeId: leaf, volumeContext: message, secrets: message }, { noNullPrototype: true });

/** The same with the entries of all maps in the opposite order. */
function reversed(value: object): object;
function reversed(value: unknown): unknown;
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([name, inner]) => [name, reversed(inner)]));
}

test('the order of the entries of maps does not count', () => {
  fc.assert(
    fc.property(request, (one) => {
      expect(requestKey('m', reversed(one))).toBe(requestKey('m', one));
    }),
  );
});

test('two requests have one key only if they are equal', () => {
  fc.assert(
    fc.property(request, request, fc.boolean(), (one, another, isCopy) => {
      const other = isCopy ? reversed(one) : another;
      expect(requestKey('m', one) === requestKey('m', other)).toBe(isDeepStrictEqual(one, other));
    }),
    { numRuns: 500 },
  );
});

test.each<[string, object, object]>([
  ['the order of a list', { flags: ['a', 'b'] }, { flags: ['b', 'a'] }],
  ['where an entry ends', { a: { b: 'x' }, c: 'y' }, { a: { b: 'x', c: 'y' } }],
  ['text and bytes', { a: 'x' }, { a: Buffer.from('x') }],
  ['a list and a map', { a: ['x'] }, { a: { 0: 'x' } }],
  ['text and number', { a: '1' }, { a: 1 }],
  ['missing and empty', { a: null }, { a: '' }],
  ['a quote in a name', { 'a":"b': '' }, { a: 'b' }],
])('%s counts', (_, a, b) => {
  expect(requestKey('m', a)).not.toBe(requestKey('m', b));
});

test('the method counts', () => {
  expect(requestKey('m', {})).not.toBe(requestKey('n', {}));
});

test('a very large request has no key', () => {
  const half = 'x'.repeat(512 * 1024);
  expect(requestKey('m', { a: half })).toBeDefined();
  expect(requestKey('m', { a: half, b: half })).toBeUndefined();
  expect(requestKey('m', { a: Buffer.alloc(2 * half.length) })).toBeUndefined();
});

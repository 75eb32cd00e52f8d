import fc from 'fast-check';
import { expect, test } from 'vitest';
import { goJson, goJsonOfMaps } from '../../../src/objects/go-json.ts';

test.each<[value: unknown, text: string]>([
  ['<a & b>', String.raw`"\u003ca \u0026 b\u003e"`],
  ['\u2028\u2029', String.raw`"\u2028\u2029"`],
  ['\b\f\n\u0001\u007f"\\', '"\\b\\f\\n\\u0001\u007f\\"\\\\"'],
  ['\u{1f600}', '"\u{1f600}"'],
  ['a\ud800b', '"a\uFFFDb"'],
  [{ b: 1, a: [true, null, undefined === null], c: undefined }, '{"b":1,"a":[true,null,false]}'],
  [
    new Map([
      ['b', 1],
      ['10', 2],
      ['9', 3],
    ]),
    '{"10":2,"9":3,"b":1}',
  ],
  [
    new Map([
      ['\uFFFD', 1],
      ['\u{10000}', 2],
    ]),
    '{"\uFFFD":1,"\u{10000}":2}',
  ],
])('%j', (value, text) => {
  expect(goJson(value)).toBe(text);
});

test('maps are in order however they were written, and everything is read back', () => {
  expect(goJsonOfMaps({ b: { z: 1, a: 2 }, a: [{ d: 1, c: 2 }] })).toBe('{"a":[{"c":2,"d":1}],"b":{"a":2,"z":1}}');
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(goJsonOfMaps(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

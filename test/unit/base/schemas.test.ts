import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { faulty, orThrow, parseBy, parsed } from '../../../src/base/parsed.ts';
import { exactlyOne, mapOf, optional, textValue, through } from '../../../src/base/schemas.ts';
import { faultLines } from '../../support/suite/expectations.ts';

describe('mapOf', () => {
  const schema = z.strictObject({ data: mapOf(textValue) });

  it('keeps every key, also the ones that are special to JavaScript', () => {
    const input: unknown = JSON.parse('{"data": {"__proto__": "a", "constructor": "b", "x": null}}');
    expect(orThrow(parseBy(schema, input)).data).toEqual(
      new Map([
        ['__proto__', 'a'],
        ['constructor', 'b'],
        ['x', ''],
      ]),
    );
  });

  it.each([{}, { data: null }, { data: {} }])('is empty for %j', (input) => {
    expect(orThrow(parseBy(schema, input)).data.size).toBe(0);
  });

  it('names each key at fault', () => {
    expect(faultLines(parseBy(schema, { data: { 'a.b': 1, c: [] } }))).toEqual([
      'data[a.b]: must be a string, not a number; put it in quotes',
      'data[c]: must be a string, not a list',
    ]);
    expect(faultLines(parseBy(schema, { data: ['x'] }))).toEqual(['data: must be a mapping, not a list']);
  });
});

describe('optional', () => {
  it.each([{}, { a: null }, { a: undefined }])('is undefined for %j', (input) => {
    expect(orThrow(parseBy(z.strictObject({ a: optional(z.string()) }), input)).a).toBeUndefined();
  });
});

describe('through', () => {
  const even = through(z.number(), (value, at) => {
    return value % 2 === 0 ? parsed(value / 2) : faulty<number>([{ field: at, message: 'must be even' }]);
  });

  it('goes on with the parser, whose faults get the path', () => {
    expect(orThrow(parseBy(z.object({ a: even }), { a: 4 }))).toEqual({ a: 2 });
    expect(faultLines(parseBy(z.object({ a: even }), { a: 3 }, 'r'))).toEqual(['r.a: must be even']);
  });
});

describe('exactlyOne', () => {
  const schema = z.strictObject({ a: optional(z.string()), b: optional(z.string()) }).check(exactlyOne(['a', 'b']));

  it.each([
    [{ a: 'x' }, []],
    [{ a: 'x', b: null }, []],
    [{}, ['r: must have exactly one of a, b; none is there']],
    [{ a: 'x', b: 'y' }, ['r: must have exactly one of a, b; a and b are there']],
    [5, ['r: must be a mapping, not a number']],
  ])('checks %j', (input, faults) => {
    expect(faultLines(parseBy(schema, input, 'r'))).toEqual(faults);
  });

  it('is not hidden by other faults', () => {
    expect(faultLines(parseBy(schema, { a: 1, b: 2, c: 3 }, 'r'))).toHaveLength(4);
  });
});

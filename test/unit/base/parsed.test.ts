import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LanternError } from '../../../src/base/errors.ts';
import { closest, faulty, field, mapKey, orThrow, parseBy, parsed } from '../../../src/base/parsed.ts';
import { optional } from '../../../src/base/schemas.ts';
import { faultLines, lanternErrorOf } from '../../support/suite/expectations.ts';

describe('field', () => {
  it.each([
    [['spec', 'volumes', 0, 'secret'], 'spec.volumes[0].secret'],
    [['', 'name'], 'name'],
    [['data', Symbol('tls.crt')], 'data[tls.crt]'],
    [[], ''],
  ])('prints %j as Kubernetes does', (steps, text) => {
    expect(field(...steps)).toBe(text);
  });

  it('prints a key of a map in brackets', () => {
    expect(mapKey('data', 'tls.crt')).toBe('data[tls.crt]');
  });
});

describe('orThrow', () => {
  it('gives the value, or throws every fault', () => {
    expect(orThrow(parsed(1))).toBe(1);
    const faults = [
      { field: 'a', message: 'is wrong' },
      { field: '', message: 'so is this' },
    ];
    const error = lanternErrorOf(() => orThrow(faulty(faults)));
    expect(error).toBeInstanceOf(LanternError);
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toBe('a: is wrong; so is this');
    expect(error.faults).toEqual(faults);
  });
});

describe('parseBy', () => {
  const inner = z.strictObject({ secretName: z.string(), optional: optional(z.boolean()) });
  const unknownInner = { secretName: 'db', secretname: 'db' };
  const hint = 'unknown field; did you mean "secretName"?';

  it.each<[string, z.ZodType, unknown, string]>([
    ['an object', inner, unknownInner, 'root.secretname'],
    ['an optional field', z.object({ a: optional(inner) }), { a: unknownInner }, 'root.a.secretname'],
    [
      'a default',
      z.object({ a: inner.default({ secretName: '', optional: undefined }) }),
      { a: unknownInner },
      'root.a.secretname',
    ],
    ['an array', z.object({ a: z.array(inner) }), { a: [{ secretName: '' }, unknownInner] }, 'root.a[1].secretname'],
    ['a record', z.record(z.string(), inner), { k: unknownInner }, 'root.k.secretname'],
    ['a pipe', z.object({ a: inner.transform(() => 1) }), { a: unknownInner }, 'root.a.secretname'],
    ['a refinement', z.object({ a: inner.refine(() => true) }), { a: unknownInner }, 'root.a.secretname'],
    ['a lazy schema', z.object({ a: z.lazy(() => inner) }), { a: unknownInner }, 'root.a.secretname'],
    [
      'all of them',
      optional(z.array(z.object({ a: optional(inner).transform((a) => a) }))),
      [{ a: unknownInner }],
      'root[0].a.secretname',
    ],
  ])('finds the likely spelling through %s', (_, schema, input, at) => {
    expect(faultLines(parseBy(schema, input, 'root'))).toEqual([`${at}: ${hint}`]);
  });

  it('names the known fields where none is near, if they are few', () => {
    expect(faultLines(parseBy(inner, { secretName: '', zzzzzzz: 1 }))).toEqual([
      'zzzzzzz: unknown field; known here: secretName, optional',
    ]);
  });

  it.each<[z.ZodType, unknown, string]>([
    [z.string(), undefined, 'is required'],
    [z.string(), 5, 'must be a string, not a number; put it in quotes'],
    [z.string(), true, 'must be a string, not a boolean; put it in quotes'],
    [z.string(), null, 'must be a string, not null'],
    [z.boolean(), 'yes', 'must be true or false, not a string'],
    [z.strictObject({}), [], 'must be a mapping, not a list'],
    [z.array(z.string()), {}, 'must be a list, not a mapping'],
    [z.literal('v1'), 'v2', 'must be "v1"'],
    [z.enum(['a', 'b']), 'c', 'must be one of "a", "b"'],
  ])('says what is wrong in words: %#', (schema, input, message) => {
    expect(faultLines(parseBy(schema, input, 'root'))).toEqual([`root: ${message}`]);
  });

  it('gives every fault at once', () => {
    const schema = z.strictObject({ a: z.string(), b: z.strictObject({ c: z.number() }) });
    expect(faultLines(parseBy(schema, { a: 1, b: { c: 'x', d: 1 }, e: 1 }))).toHaveLength(4);
  });
});

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

import { describe, expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { applyJsonPatch, parseJsonPatch } from '../../../../src/objects/kustomize/json-patch.ts';

function patched(document: unknown, operations: unknown): unknown {
  return orThrow(applyJsonPatch(document, orThrow(parseJsonPatch(operations))));
}

const DOCUMENT = { a: { 'b/c': 1, 'd~e': 2 }, list: ['x', 'y'], __proto__: undefined };

test.each([
  ['add a member', [{ op: 'add', path: '/n', value: { m: null } }], { n: { m: null } }],
  ['add over a member', [{ op: 'add', path: '/a', value: 1 }], { a: 1 }],
  [
    'escapes',
    [
      { op: 'remove', path: '/a/b~1c' },
      { op: 'test', path: '/a/d~0e', value: 2 },
    ],
    { a: { 'd~e': 2 } },
  ],
  ['insert into a list', [{ op: 'add', path: '/list/1', value: 'n' }], { list: ['x', 'n', 'y'] }],
  ['append to a list', [{ op: 'add', path: '/list/-', value: 'n' }], { list: ['x', 'y', 'n'] }],
  ['append by number', [{ op: 'add', path: '/list/2', value: 'n' }], { list: ['x', 'y', 'n'] }],
  ['replace in a list', [{ op: 'replace', path: '/list/0', value: 'n' }], { list: ['n', 'y'] }],
  ['remove from a list', [{ op: 'remove', path: '/list/0' }], { list: ['y'] }],
  ['replace what is not there', [{ op: 'replace', path: '/n', value: 1 }], { n: 1 }],
  [
    'move',
    [{ op: 'move', from: '/list', path: '/a/list' }],
    { a: { 'b/c': 1, 'd~e': 2, list: ['x', 'y'] }, list: undefined },
  ],
  ['copy', [{ op: 'copy', from: '/list/1', path: '/n' }], { n: 'y' }],
  [
    'in order',
    [
      { op: 'add', path: '/n', value: {} },
      { op: 'add', path: '/n/m', value: 1 },
    ],
    { n: { m: 1 } },
  ],
])('%s', (_, operations, changes) => {
  const before = structuredClone(DOCUMENT);
  expect(patched(DOCUMENT, operations)).toEqual({ ...DOCUMENT, ...changes });
  expect(DOCUMENT).toEqual(before);
});

describe('what cannot be applied is refused, with the operation', () => {
  test.each([
    ['a parent that is not there', { op: 'add', path: '/n/m', value: 'pl4nted' }, 'nothing at this path'],
    ['the whole document', { op: 'add', path: '', value: 'pl4nted' }, 'whole document'],
    ['below a text', { op: 'add', path: '/list/0/x', value: 'pl4nted' }, 'nothing at this path'],
    ['removing nothing', { op: 'remove', path: '/n' }, 'nothing at this path'],
    ['copying nothing', { op: 'copy', from: '/n', path: '/m' }, 'nothing at this path'],
    ['what every object inherits', { op: 'copy', from: '/constructor', path: '/m' }, 'nothing at this path'],
    ['a place behind a list', { op: 'add', path: '/list/3', value: 'pl4nted' }, 'no such place'],
    ['a place that is none', { op: 'remove', path: '/list/01' }, 'no such place'],
    ['the end of a list', { op: 'remove', path: '/list/-' }, 'no such place'],
    ['a test', { op: 'test', path: '/list', value: ['pl4nted'] }, 'another'],
    ['a path without end', { op: 'add', path: '/a'.repeat(201), value: 'pl4nted' }, 'too long'],
  ])('%s', (_, operation, message) => {
    const patch = orThrow(parseJsonPatch([{ op: 'test', path: '/list/0', value: 'x' }, operation]));
    const result = applyJsonPatch(DOCUMENT, patch);
    expect(result).toEqual({ ok: false, faults: [{ field: '[1]', message: expect.stringContaining(message) }] });
    expect(JSON.stringify(result)).not.toContain('pl4nted');
  });
});

test.each([
  ['no list', {}],
  ['an unknown operation', [{ op: 'merge', path: '/a' }]],
  ['a path that is no pointer', [{ op: 'remove', path: 'a' }]],
  ['no source', [{ op: 'copy', path: '/a' }]],
  ['too many', Array.from({ length: 1001 }, () => ({ op: 'remove', path: '/a' }))],
])('%s is no patch', (_, raw) => {
  expect(parseJsonPatch(raw).ok).toBe(false);
});

test('a member called __proto__ is a member like any other', () => {
  const document = patched({}, [
    { op: 'add', path: '/__proto__', value: { polluted: true } },
    { op: 'add', path: '/__proto__/more', value: 1 },
  ]);
  expect(Object.entries(document as object)).toEqual([['__proto__', { polluted: true, more: 1 }]]);
  expect('polluted' in {}).toBe(false);
});

test('copies of copies end before they take the memory', () => {
  const double = { op: 'copy', from: '/a', path: '/a/a' };
  const doubles = Array.from({ length: 40 }, (_, at) => [{ ...double, path: `/a/${at}` }]).flat();
  const result = applyJsonPatch({ a: { x: 1 } }, orThrow(parseJsonPatch(doubles)));
  expect(result).toMatchObject({ ok: false, faults: [{ message: expect.stringContaining('grows') }] });
});

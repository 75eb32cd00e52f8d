import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import {
  describeErrno,
  errnoOf,
  invalid,
  LanternError,
  SystemCallError,
  toLanternError,
} from '../../../src/base/errors.ts';
import { socketProblem } from '../../../src/operations/check-health.ts';

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

describe('toLanternError', () => {
  it.each([
    [new DOMException('x', 'TimeoutError'), 'deadline-exceeded', 'try it: the deadline passed'],
    [AbortSignal.abort().reason, 'cancelled', 'try it: the call was cancelled'],
    [
      Object.assign(new Error('x'), { code: 'ENOSPC' }),
      'resource-exhausted',
      'try it: no space is left (ENOSPC); make room',
    ],
    [Object.assign(new Error('x'), { code: 'EWEIRD' }), 'internal', 'try it: the system refuses it (EWEIRD)'],
    [Object.assign(new Error('x'), { code: 'ERR_STRANGE_ARGUMENT' }), 'internal', 'try it: an unexpected error'],
    [
      thrownBy(() => readFileSync('/nowhere/at/all')),
      'not-found',
      'try it: no such file or directory (ENOENT); create it, or name another',
    ],
    ['thrown text', 'internal', 'try it: an unexpected error'],
  ] as const)('gives a code and a message to %s', (error, code, message) => {
    expect(toLanternError(error, 'try it')).toMatchObject({ code, message, cause: error });
  });

  it('leaves one of ours as it is', () => {
    const error = new LanternError('aborted', 'x');
    expect(toLanternError(error, 'try it')).toBe(error);
  });

  it('never takes over the message of an error from elsewhere: parsers quote their input', () => {
    const error = thrownBy(() => JSON.parse('{"password": hunter2}'));
    expect(String(error)).toContain('hunter2');
    expect(toLanternError(error, 'read it').message).not.toContain('hunter2');
  });
});

describe('errnoOf', () => {
  it.each([
    [Object.assign(new Error('x'), { code: 'ENOENT' }), 'ENOENT'],
    [Object.assign(new Error('x'), { code: 'ERR_X' }), undefined],
    [Object.assign(new Error('x'), { code: 5 }), undefined],
    [{ code: 'ENOENT' }, undefined],
  ])('knows an errno from other codes: %#', (error, errno) => {
    expect(errnoOf(error)).toBe(errno);
  });
});

describe('invalid', () => {
  it('has every fault in its message', () => {
    const faults = [
      { field: 'a.b', message: 'is required' },
      { field: '', message: 'is odd' },
    ];
    expect(invalid(faults)).toMatchObject({ code: 'invalid-argument', message: 'a.b: is required; is odd', faults });
  });
});

/** Others are never taken for an errno. */
const ERRNO = /^E[A-Z0-9]+$/;
const NAMES = [
  ...new Set([...Object.keys(constants.errno), ...[...getSystemErrorMap().values()].map(([name]) => name)]),
]
  .filter((name) => ERRNO.test(name))
  .concat('ENOTFOUND');

test.each(NAMES)('%s is said in words, with the name behind them', (name) => {
  const text = describeErrno(name);
  expect(text).toMatch(new RegExp(`^[a-z].* \\(${name}\\)`));
  expect(socketProblem(Object.assign(new Error('x'), { code: name }))).toMatch(/^[a-z]/);
});

test('words of the system stand in where nobody has written better ones', () => {
  expect(describeErrno('EPROTO')).toBe('protocol error (EPROTO)');
});

test('the number of a failed system call has the name that Node gives it', () => {
  const codes = Object.values(constants.errno).map((number) => [
    number,
    new SystemCallError(number, 'read', undefined).code,
  ]);
  expect(codes).toEqual(
    Object.values(constants.errno).map((number) => [
      number,
      getSystemErrorMap().get(-number)?.[0] ?? expect.any(String),
    ]),
  );
});

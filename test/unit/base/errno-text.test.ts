import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { expect, test } from 'vitest';
import { describeErrno } from '../../../src/base/errors.ts';
import { socketProblem } from '../../../src/operations/check-health.ts';

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

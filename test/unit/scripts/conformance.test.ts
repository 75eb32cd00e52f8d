import { describe, expect, it } from 'vitest';
import { isAtLeast } from '../../../scripts/conformance/go-tool.mjs';
import { readJunit } from '../../../scripts/conformance/junit.mjs';

describe('a report of csi-sanity', () => {
  // As Ginkgo 2 writes them.
  const spec = (name: string, status: string, body = '') =>
    `<testcase name="[It] ${name}" classname="CSI Driver Test Suite" status="${status}" time="0.01">${body}</testcase>`;
  const step = (status: string) =>
    `<testcase name="[AfterSuite] " classname="CSI Driver Test Suite" status="${status}" time="0"></testcase>`;
  const read = (...cases: string[]) =>
    readJunit(
      `<?xml version="1.0"?><testsuites tests="9"><testsuite name="x">${cases.join('\n')}</testsuite></testsuites>`,
    );

  it('counts what passed, and steps around the specs only when they fail', () => {
    expect(read(spec('works', 'passed'), spec('too', 'passed'), step('passed'))).toMatchObject({
      passed: 2,
      failed: [],
    });
    expect(read(spec('works', 'passed'), step('failed')).failed).toEqual(['[AfterSuite] ']);
  });

  it.each(['failed', 'timedout', 'panicked', 'interrupted', 'aborted', 'something new'])(
    'takes "%s" for a failure',
    (status) => {
      const failure = '<failure message="Expected" type="failed"> status="passed" </failure>';
      expect(read(spec('breaks', status, failure), spec('works', 'passed'))).toEqual({
        passed: 1,
        failed: ['breaks'],
        skipped: [],
      });
    },
  );

  it('knows why a spec was left out', () => {
    const reason = '<skipped message="skipped - Volume Cloning not supported"></skipped>';
    const cases = [spec('clones', 'skipped', reason), spec('waits', 'pending'), spec('odd', 'skipped')];
    expect(read(...cases)).toEqual({
      passed: 0,
      failed: [],
      skipped: ['Volume Cloning not supported', 'pending', 'unknown'],
    });
  });
});

it.each([
  ['go1.25', true],
  ['go1.25.3', true],
  ['go1.26rc1', true],
  ['go2.0', true],
  ['go1.24.9', false],
  ['go1.9', false],
  ['devel', false],
  ['', false],
])('whether "%s" is Go 1.25 or newer: %s', (version, expected) => {
  expect(isAtLeast(version, [1, 25])).toBe(expected);
});

import { expect, test } from 'vitest';
import { countProgress, countTests, describeSkipped, hasUnmetNeeds } from '../../../scripts/test-report.mjs';

type Status = 'passed' | 'failed' | 'skipped';

const file = (name: string, status: 'passed' | 'failed', ...tests: [fullName: string, status: Status][]) => ({
  name: `/top/test/${name}.test.ts`,
  status,
  assertionResults: tests.map(([fullName, outcome]) => ({ fullName, status: outcome })),
});

test('passed, failed and skipped tests are counted; a file that did not load is a failure', () => {
  const testResults = [
    file('unit/a', 'failed', ['one', 'passed'], ['two', 'failed'], ['three', 'skipped']),
    file('unit/b', 'passed', ['four', 'passed']),
    file('unit/broken', 'failed'),
    // Its tests passed, and then a hook failed.
    file('unit/hook', 'failed', ['five', 'passed']),
  ];
  expect(countTests({ testResults })).toEqual({ passed: 3, failed: 3, skipped: 1 });
});

test('of a run that was stopped the tests that were over are counted', () => {
  expect(countProgress('ppfpsp')).toEqual({ passed: 4, failed: 1, skipped: 1 });
  expect(countProgress('')).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

test('what did not run is named once per suite or file, with the reason', () => {
  const testResults = [
    file('system/a', 'passed', ['mounts', 'skipped'], ['unmounts', 'skipped'], ['parses', 'passed']),
    file('system/b', 'passed', ['pools (needs root)', 'skipped']),
    file('integration/c', 'passed', ['in etcd (needs etcd) works', 'skipped'], ['owners', 'skipped']),
  ];
  expect(describeSkipped({ testResults }, '/top', new Map([['system', 'needs root']]))).toEqual([
    'not run here: system (needs root): 3 tests',
    'not run here: test/integration/c.test.ts (needs etcd): 1 test',
    'not run here: test/integration/c.test.ts (skips itself here): 1 test',
  ]);
});

test.each<[string, Status, boolean]>([
  ['in etcd (needs etcd)', 'skipped', true],
  ['in etcd (needs etcd)', 'passed', false],
  ['only on Tuesdays', 'skipped', false],
])('a test "%s" that %s: its need is unmet is %s', (title, status, unmet) => {
  const report = { testResults: [file('unit/a', 'passed', [title, status])] };
  expect(hasUnmetNeeds(report, '/top', new Set())).toBe(unmet);
  expect(hasUnmetNeeds(report, '/top', new Set(['unit']))).toBe(false);
});

test('a need that is excused may be unmet, another of the same test may not', () => {
  const report = (title: string) => ({ testResults: [file('unit/a', 'passed', [title, 'skipped'])] });
  const excused = new Set(['etcd']);
  expect(hasUnmetNeeds(report('in etcd (needs etcd) works'), '/top', excused)).toBe(false);
  expect(hasUnmetNeeds(report('in etcd (needs etcd) mounts (needs root)'), '/top', excused)).toBe(true);
});

test('what a skipped test needs besides is met where another that needs it has passed', () => {
  const skipped = ['in etcd (needs etcd) mounts (needs root)', 'skipped'] as const;
  const report = (...other: [string, Status]) => ({ testResults: [file('unit/a', 'passed', [...skipped], other)] });
  const excused = new Set(['etcd']);
  expect(hasUnmetNeeds(report('mounts (needs root)', 'passed'), '/top', excused)).toBe(false);
  expect(hasUnmetNeeds(report('mounts (needs root)', 'skipped'), '/top', excused)).toBe(true);
  expect(hasUnmetNeeds(report('mounts (needs root)', 'passed'), '/top', new Set())).toBe(true);
});

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { findCommitFaults } from '../../../scripts/commit-messages.mjs';
import { TempDir } from '../../support/suite/temp-dir.ts';

const AUTHOR = ['-c', 'user.name=a', '-c', 'user.email=a@example.invalid', '-c', 'commit.gpgsign=false'];

test('faults of the commits since the rule are named, those before it are not', () => {
  using directory = new TempDir();
  const git = (...args: readonly string[]) =>
    execFileSync('git', [...AUTHOR, ...args], { cwd: directory.path, encoding: 'utf8' }).trim();
  const commit = (...paragraphs: readonly string[]) =>
    git('commit', '--allow-empty', '--quiet', ...paragraphs.flatMap((paragraph) => ['-m', paragraph]));
  git('init', '--quiet');
  commit('x'.repeat(100));
  const rule = git('rev-parse', 'HEAD');
  expect(findCommitFaults(directory.path, rule)).toEqual([]);
  commit('x'.repeat(72), 'Because.\n\nAnd because.');
  expect(findCommitFaults(directory.path, rule)).toEqual([]);
  commit('y'.repeat(73), 'Because.');
  commit('Say nothing');
  expect(findCommitFaults(directory.path, rule)?.map((fault) => fault.replace(/^commit [0-9a-f]+/, ''))).toEqual([
    ' "Say nothing": no body; say why the change is made',
    ': the subject has 73 characters; at most 72, and the rest in the body',
  ]);
});

test('a history that is not there cannot be judged', () => {
  using directory = new TempDir();
  expect(findCommitFaults(directory.path)).toBeUndefined();
});

import { chmodSync, lchownSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { absoluteTarget, volumeIdFor } from '../../../src/cli/target.ts';
import { parseVolumeId } from '../../../src/spec/volume-spec.ts';
import { isRoot } from '../../support/host/privileges.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

test('links in the parent are resolved, a link at the target itself is not', () => {
  using dir = new TempDir();
  mkdirSync(dir.at('real'));
  symlinkSync('real', dir.at('link'));
  symlinkSync('/etc', dir.at('real', 'target'));
  expect(absoluteTarget(dir.at('link', 'target'))).toBe(dir.at('real', 'target'));
  expect(absoluteTarget(`${dir.at('real')}/x/../target/`)).toBe(dir.at('real', 'target'));
});

test('a link that others can exchange is not followed', () => {
  using dir = new TempDir();
  mkdirSync(dir.at('real'));
  for (const [name, mode] of [
    ['open', 0o777],
    ['sticky', 0o1777],
    ['closed', 0o755],
  ] as const) {
    mkdirSync(dir.at(name));
    symlinkSync('../real', dir.at(name, 'link'));
    chmodSync(dir.at(name), mode);
  }
  expect(absoluteTarget(dir.at('open/link/t'))).toBe(dir.at('open/link/t'));
  expect(absoluteTarget(dir.at('sticky/link/t'))).toBe(dir.at('real/t'));
  expect(absoluteTarget(dir.at('closed/link/t'))).toBe(dir.at('real/t'));
});

test('a link that leads to itself ends', () => {
  using dir = new TempDir();
  symlinkSync('b', dir.at('a'));
  symlinkSync('a', dir.at('b'));
  expect(absoluteTarget(dir.at('a/t'))).toMatch(/\/[ab]\/t$/);
});

test.runIf(isRoot)('a link of another user is not followed, wherever it lies (needs root)', () => {
  using dir = new TempDir();
  mkdirSync(dir.at('home'));
  mkdirSync(dir.at('home/d'));
  renameSync(dir.at('home/d'), dir.at('home/moved'));
  symlinkSync('/tmp', dir.at('home/d'));
  expect(absoluteTarget(dir.at('home/d/t'))).toBe('/tmp/t');
  lchownSync(dir.at('home/d'), 65534, 65534);
  expect(absoluteTarget(dir.at('home/d/t'))).toBe(dir.at('home/d/t'));
});

test('what cannot be resolved stays as written, from the working directory', () => {
  expect(absoluteTarget('no/such/directory')).toBe(join(process.cwd(), 'no/such/directory'));
});

test('every path has an id that is valid, and its own', () => {
  const path = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }).map((text) => `/${text}`);
  fc.assert(
    fc.property(path, path, (a, b) => {
      expect(parseVolumeId(volumeIdFor(a)).ok).toBe(true);
      expect(volumeIdFor(a) === volumeIdFor(b)).toBe(a === b);
    }),
  );
});

import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makeDirectories } from '../../../src/base/files.ts';
import { prepareRunDirectory } from '../../../src/config/run-directory.ts';
import { isRoot, NOBODY } from '../../support/host/privileges.ts';
import { lanternErrorOf } from '../../support/suite/expectations.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

const uid = process.geteuid?.();

describe('a directory that is missing', () => {
  test('is made with those above it, links followed, and is left as it is from then on', () => {
    using dir = new TempDir();
    mkdirSync(dir.at('real'));
    symlinkSync('real', dir.at('link'));
    makeDirectories(dir.at('link', 'a', 'b'), 0o700);
    expect(statSync(dir.at('real', 'a', 'b')).mode & 0o777).toBe(0o700);
    chmodSync(dir.at('real', 'a', 'b'), 0o750);
    makeDirectories(dir.at('link', 'a', 'b'), 0o700);
    expect(statSync(dir.at('real', 'a', 'b')).mode & 0o777).toBe(0o750);
  });

  // Node's own way never comes back from the first.
  test.each<[string, (dir: TempDir) => string, RegExp]>([
    ['where nothing can be made', () => '/proc/lantern-test/run', /ENOENT/],
    ['below a file', (dir) => dir.at('file', 'run'), /EEXIST|ENOTDIR/],
    ['that is a file', (dir) => dir.at('file'), /EEXIST/],
    ['behind a link to nothing', (dir) => dir.at('dangling', 'run'), /EEXIST|ENOENT/],
  ])('%s', (_, pathIn, expected) => {
    using dir = new TempDir();
    writeFileSync(dir.at('file'), '');
    symlinkSync('nothing', dir.at('dangling'));
    expect(() => makeDirectories(pathIn(dir), 0o700)).toThrow(expected);
    const error = lanternErrorOf(() => prepareRunDirectory(pathIn(dir), uid));
    expect(error.message).toMatch(/^make the run directory "/);
  });
});

test('a run directory that is missing is made, 0700', () => {
  using dir = new TempDir();
  prepareRunDirectory(dir.at('a', 'run'), uid);
  expect(statSync(dir.at('a', 'run')).mode & 0o777).toBe(0o700);
  prepareRunDirectory(dir.at('a', 'run'), uid);
});

test.each<[number, number, RegExp | undefined]>([
  [0o700, 0o755, undefined],
  [0o750, 0o755, undefined],
  [0o755, 0o775, undefined],
  [0o700, 0o1777, undefined],
  [0o770, 0o755, /run" has mode 0770, which lets others write.* chmod it to 0700, or 0750 with --socket-group/],
  [0o777, 0o755, /run" has mode 0777/],
  [0o1777, 0o755, /run" has mode 1777/],
  [0o700, 0o777, /above" has mode 0777/],
])('mode %o in a directory of mode %o', (mode, above, refusal) => {
  using dir = new TempDir();
  mkdirSync(dir.at('above', 'run'), { recursive: true });
  chmodSync(dir.at('above', 'run'), mode);
  chmodSync(dir.at('above'), above);
  const prepare = () => prepareRunDirectory(dir.at('above', 'run'), uid);
  if (refusal === undefined) return prepare();
  expect(lanternErrorOf(prepare)).toMatchObject({
    code: 'failed-precondition',
    message: expect.stringMatching(refusal),
  });
});

describe.runIf(isRoot)('owners (needs root)', () => {
  test.each<[string, number, number, number, RegExp | undefined]>([
    ["root's for root", 0, 0, 0, undefined],
    ["the user's own, in root's", NOBODY, NOBODY, 0, undefined],
    ["root's for a user, as a container engine makes it", NOBODY, 0, 0, undefined],
    ["another user's", 0, NOBODY, 0, /run" belongs to user 65534.* chown it to user 0/],
    ["one in another user's directory", 0, 0, NOBODY, /above" belongs to user 65534/],
  ])('%s', (_, user, owner, above, refusal) => {
    using dir = new TempDir();
    mkdirSync(dir.at('above', 'run'), { recursive: true, mode: 0o755 });
    chownSync(dir.at('above', 'run'), owner, owner);
    chownSync(dir.at('above'), above, above);
    const prepare = () => prepareRunDirectory(dir.at('above', 'run'), user);
    if (refusal === undefined) return prepare();
    expect(lanternErrorOf(prepare)).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(refusal),
    });
    expect(existsSync(dir.at('above', 'run', 'lock'))).toBe(false);
  });
});

import { mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { DirectTargets, type DirectTargetsOptions, identityOf } from '../../../../src/mount/direct/targets.ts';
import { isInMemory } from '../../../../src/mount/host-file-systems.ts';
import { TargetRoots } from '../../../../src/mount/targets/target-roots.ts';
import { listTree } from '../../../support/host/list-tree.ts';
import { openDescriptors } from '../../../support/host/process.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const ROOTS = new TargetRoots(['/'], []);
const USER = process.geteuid?.() ?? -1;
const targetsWith = (options: Partial<DirectTargetsOptions>, user = USER) =>
  new DirectTargets({
    roots: ROOTS,
    allowDisk: false,
    inSharedDirectories: false,
    daemon: { user, group: process.getegid?.() ?? -1 },
    ...options,
  });
const inMemory = () => targetsWith({});
const modeOf = (path: string) => statSync(path).mode & 0o7777;
/** A directory that is not in memory, for machines whose /tmp is. */
const disk = [tmpdir(), process.cwd()].find((path) => !isInMemory(path));

describe('a target that is refused stays as it was', () => {
  test.each([
    ['prepareDirectory', 'a link', (path: string) => symlinkSync('.', path), 'symbolic link'],
    ['prepareFile', 'a link', (path: string) => symlinkSync('.', path), 'symbolic link'],
    [
      'prepareDirectory',
      'a full directory',
      (path: string) => mkdirSync(`${path}/x`, { recursive: true }),
      'not empty',
    ],
    ['prepareDirectory', 'a file', (path: string) => writeFileSync(path, ''), 'a file exists there'],
    ['prepareFile', 'a directory', (path: string) => mkdirSync(path), 'a directory exists there'],
    ['prepareFile', 'a file with bytes', (path: string) => writeFileSync(path, 'x'), 'not empty'],
  ] as const)('%s: %s', (prepare, _, plant, text) => {
    using dir = new TempDir('/dev/shm');
    plant(dir.at('t'));
    const before = { descriptors: openDescriptors(), tree: listTree(dir.path) };
    expect(lanternErrorOf(() => inMemory()[prepare](dir.at('t')))).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining(text),
    });
    expect({ descriptors: openDescriptors(), tree: listTree(dir.path) }).toEqual(before);
  });

  test.each(['prepareDirectory', 'prepareFile'] as const)("%s: somebody else's, though empty", (prepare) => {
    using dir = new TempDir('/dev/shm');
    if (prepare === 'prepareFile') writeFileSync(dir.at('t'), '');
    else mkdirSync(dir.at('t'), 0o700);
    const mode = modeOf(dir.at('t'));
    const targets = targetsWith({}, USER + 1);
    expect(lanternErrorOf(() => targets[prepare](dir.at('t'))).message).toContain(`belongs to the user ${USER}`);
    expect(modeOf(dir.at('t'))).toBe(mode);
  });

  test.runIf(disk)('a real disk, unless it is allowed', () => {
    using dir = new TempDir(disk);
    mkdirSync(dir.at('there'));
    for (const [prepare, path] of [
      ['prepareDirectory', 'new'],
      ['prepareDirectory', 'there'],
      ['prepareFile', 'new'],
    ] as const) {
      expect(lanternErrorOf(() => inMemory()[prepare](dir.at(path)))).toMatchObject({
        code: 'failed-precondition',
        message: expect.stringContaining('--allow-disk'),
      });
    }
    expect(listTree(dir.path)).toEqual(['there']);
    using _opened = targetsWith({ allowDisk: true }).prepareDirectory(dir.at('new')).opened;
    expect(modeOf(dir.at('new'))).toBe(0o755);
  });

  test('what lies at or below a publication, until that is released', () => {
    using dir = new TempDir('/dev/shm');
    const targets = inMemory();
    using opened = targets.prepareDirectory(dir.at('t')).opened;
    const identity = identityOf(opened);
    targets.take(identity);
    mkdirSync(dir.at('t/x'));
    for (const path of ['t', 't/x', 't/x/y', 'moved', 'moved/x/y']) {
      // Whatever its name is, it stays the same directory.
      if (path === 'moved') renameSync(dir.at('t'), dir.at('moved'));
      expect(lanternErrorOf(() => targets.prepareDirectory(dir.at(path))).message).toContain(
        'is a publication already',
      );
    }
    targets.release(identity);
    targets.prepareDirectory(dir.at('moved/x')).opened[Symbol.dispose]();
  });
});

describe('a target that is prepared', () => {
  test('has the mode it needs whatever the umask; undo puts back what was there', () => {
    using dir = new TempDir('/dev/shm');
    mkdirSync(dir.at('there'), 0o700);
    writeFileSync(dir.at('empty'), '', { mode: 0o644 });
    const before = process.umask(0o077);
    try {
      for (const [prepare, path, mode, left] of [
        ['prepareDirectory', 'new', 0o755, undefined],
        ['prepareDirectory', 'there', 0o755, 0o700],
        ['prepareFile', 'new', 0o600, undefined],
        ['prepareFile', 'empty', 0o600, undefined],
      ] as const) {
        const prepared = inMemory()[prepare](dir.at(path));
        expect(modeOf(dir.at(path))).toBe(mode);
        prepared.undo();
        prepared.opened[Symbol.dispose]();
        expect(statSync(dir.at(path), { throwIfNoEntry: false })?.mode).toBe(left && left | 0o040000);
      }
    } finally {
      process.umask(before);
    }
  });

  test('is found and removed only while it is the same, and empty', () => {
    using dir = new TempDir('/dev/shm');
    const targets = inMemory();
    const path = dir.at('t');
    using opened = targets.prepareDirectory(path).opened;
    const identity = identityOf(opened);
    const before = openDescriptors();
    const isFound = () => {
      using found = targets.find(path, identity);
      return found !== undefined;
    };
    expect(isFound()).toBe(true);

    renameSync(path, dir.at('moved'));
    expect(isFound()).toBe(false);
    mkdirSync(path);
    symlinkSync('moved', dir.at('t2'));
    targets.remove(path, identity);
    targets.remove(dir.at('t2'), identity);
    expect(isFound()).toBe(false);
    expect(listTree(dir.path)).toEqual(['moved', 't', 't2']);

    writeFileSync(dir.at('moved/foreign'), '');
    targets.remove(dir.at('moved'), identity);
    expect(listTree(dir.at('moved'))).toEqual(['foreign']);
    expect(openDescriptors()).toBe(before);
  });

  test('outside of the roots nothing is found', () => {
    using dir = new TempDir('/dev/shm');
    const opened = inMemory().prepareDirectory(dir.at('t')).opened;
    const identity = identityOf(opened);
    opened[Symbol.dispose]();
    mkdirSync(dir.at('root'));
    const elsewhere = targetsWith({ roots: new TargetRoots([dir.at('root')], []) });
    expect(elsewhere.find(dir.at('t'), identity)).toBeUndefined();
  });
});

import { once } from 'node:events';
import { lstatSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ownPlaces, TargetRoots } from '../../../../src/mount/targets/target-roots.ts';
import { openDescriptors } from '../../../support/host/process.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

/**
 * pods/a is a fine parent; link → pods; pods/link → a; run is the daemon's own.
 */
function arrange(): { readonly dir: TempDir; readonly roots: TargetRoots } {
  const dir = new TempDir();
  for (const path of ['pods/a', 'run/pools']) mkdirSync(dir.at(path), { recursive: true });
  symlinkSync('pods', dir.at('link'));
  symlinkSync('a', dir.at('pods/link'));
  writeFileSync(dir.at('pods/file'), 'x');
  return { dir, roots: new TargetRoots([dir.path], [dir.at('run')]) };
}

describe('TargetRoots: what is refused', () => {
  test.each([
    ['', 'invalid-argument', 'the path is empty'],
    ['pods/a/t', 'invalid-argument', 'not an absolute path'],
    ['/', 'invalid-argument', 'root directory'],
    ['//./', 'invalid-argument', 'root directory'],
    ['/pods/\0/t', 'invalid-argument', 'NUL'],
    [`/${'x/'.repeat(2048)}`, 'invalid-argument', '4095 bytes'],
    ['/etc/t', 'permission-denied', '--target-root'],
  ] as const)('%j', (target, code, text) => {
    using dir = arrange().dir;
    const roots = new TargetRoots([dir.path], []);
    expect(lanternErrorOf(() => roots.open(target))).toMatchObject({ code, message: expect.stringContaining(text) });
  });

  test.each([
    ['pods/../pods/a/t', 'invalid-argument', '".." element'],
    ['', 'permission-denied', 'target root'],
    ['pods/none/t', 'failed-precondition', 'create it first'],
    ['pods/file/t', 'failed-precondition', 'not a directory'],
    ['link/a/t', 'failed-precondition', '--target-root'],
    ['pods/link/t', 'failed-precondition', 'symbolic link'],
    ['run', 'failed-precondition', "daemon's own"],
    ['run/pools/t', 'failed-precondition', "daemon's own"],
  ] as const)('below the root: %j', (path, code, text) => {
    const { dir, roots } = arrange();
    using _ = dir;
    const target = path === '' ? dir.path : `${dir.path}/${path}`;
    const before = openDescriptors();
    expect(lanternErrorOf(() => roots.open(target))).toMatchObject({ code, message: expect.stringContaining(text) });
    expect(openDescriptors()).toBe(before);
  });

  test('a name that only begins like a root or like the run directory is neither', () => {
    const { dir, roots } = arrange();
    using _ = dir;
    mkdirSync(dir.at('runner'));
    using parent = roots.open(dir.at('runner/t'));
    expect(parent.name).toBe('t');
    expect(lanternErrorOf(() => roots.open(`${dir.path}x/t`)).code).toBe('permission-denied');
  });

  test.each(['pods/none/t', 'pods/file/t', 'link/a/t', 'run/t', '../t'])('nothing of ours can be at %j', (path) => {
    const { dir, roots } = arrange();
    using _ = dir;
    const before = openDescriptors();
    expect(roots.openIfThere(dir.at(path))).toBeUndefined();
    expect(openDescriptors()).toBe(before);
  });

  test('what was published under other roots can still be reached by its real path', () => {
    const { dir } = arrange();
    using _ = dir;
    const roots = new TargetRoots([dir.at('pods')], []);
    using parent = roots.openPublished(dir.at('run/t'));
    expect(parent?.target).toBe(dir.at('run/t'));
    expect(roots.openPublished(dir.at('link/a/t'))).toBeUndefined();
  });
});

describe("TargetRoots: files and directories of the daemon's own", () => {
  test.each([
    ['lib/data', 'it is'],
    ['lib/data/db', 'it lies in'],
    ['lib/later/keys/key', 'it is'],
    ['lib/later/keys', 'it would cover'],
    ['lib/later', 'it would cover'],
  ] as const)('%j is no target', (path, relation) => {
    const { dir } = arrange();
    using _ = dir;
    for (const directory of ['lib/data', 'lib/later/keys']) mkdirSync(dir.at(directory), { recursive: true });
    const roots = new TargetRoots([dir.path], [dir.at('lib/data'), dir.at('lib/later/keys/key')]);
    const error = lanternErrorOf(() => roots.open(dir.at(path)));
    expect(error).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining(relation) });
    expect(roots.openIfThere(dir.at(path))).toBeUndefined();
    expect(roots.allows(dir.at(path))).toBe(false);
    using beside = roots.open(dir.at('lib/other'));
    expect(beside.name).toBe('other');
    // Targets elsewhere below it may still be made and removed.
    using entered = roots.open(dir.at('lib'), 'enter');
    expect(entered.name).toBe('lib');
  });
});

describe('TargetRoots: a directory for targets of the daemon itself', () => {
  test.each(['/elsewhere', 'pods'])('is allowed besides the root %s, and nothing else that is forbidden', (root) => {
    const { dir } = arrange();
    using _ = dir;
    mkdirSync(dir.at('run/own/a'), { recursive: true });
    const roots = new TargetRoots([root === 'pods' ? dir.at(root) : root], [dir.at('run')], dir.at('run/own'));
    {
      using parent = roots.open(dir.at('run/own/t'));
      expect(parent.target).toBe(dir.at('run/own/t'));
      using again = roots.openIfThere(dir.at('run/own/t'));
      expect(again?.name).toBe('t');
    }
    expect(roots.allows(dir.at('run/own/t'))).toBe(true);
    for (const path of ['run/own', 'run/own/a/t', 'run/t', 'run/pools/t']) {
      expect(['failed-precondition', 'permission-denied']).toContain(
        lanternErrorOf(() => roots.open(dir.at(path))).code,
      );
      expect(roots.openIfThere(dir.at(path))).toBeUndefined();
      expect(roots.allows(dir.at(path))).toBe(false);
    }
  });

  test('is not advertised', () => {
    const { dir } = arrange();
    using _ = dir;
    const roots = new TargetRoots([dir.at('pods')], [dir.at('run')], dir.at('run'));
    expect(lanternErrorOf(() => roots.open('/etc/t')).message).toContain(`("${dir.at('pods')}")`);
  });
});

describe('ownPlaces', () => {
  test("a socket's directory is the daemon's own when it is for sockets", async () => {
    using dir = new TempDir();
    for (const name of ['csi', 'shared']) mkdirSync(dir.at(name));
    writeFileSync(dir.at('shared/other'), '');
    const server = createServer().listen(dir.at('csi/csi.sock'));
    await once(server, 'listening');
    const sockets = [dir.at('csi/csi.sock'), dir.at('later/s'), dir.at('shared/s')];
    expect(ownPlaces(['/key', undefined], sockets)).toEqual(['/key', ...sockets, dir.at('csi'), dir.at('later')]);
    server.close();
  });
});

describe('TargetRoots: what is opened', () => {
  test('a root behind a link is trusted, in both of its names', () => {
    const { dir } = arrange();
    using _ = dir;
    const roots = new TargetRoots([dir.at('link')], []);
    for (const target of [dir.at('link/a/t'), dir.at('pods/a//./t/')]) {
      using parent = roots.open(target);
      expect(parent.target).toBe(dir.at('pods/a/t'));
    }
  });

  test('a root and a run directory may be made later', () => {
    const { dir } = arrange();
    using _ = dir;
    const roots = new TargetRoots([dir.at('later')], [dir.at('later/run')]);
    mkdirSync(dir.at('later/run'), { recursive: true });
    using parent = roots.open(dir.at('later/t'));
    expect(parent.target).toBe(dir.at('later/t'));
    expect(lanternErrorOf(() => roots.open(dir.at('later/run/t'))).code).toBe('failed-precondition');
  });

  test('the directory that was checked is the one that is used, wherever its path leads by then', () => {
    const { dir, roots } = arrange();
    using _ = dir;
    using parent = roots.open(dir.at('pods/a/t'));
    renameSync(dir.at('pods/a'), dir.at('pods/moved'));
    mkdirSync(dir.at('elsewhere'));
    symlinkSync('../elsewhere', dir.at('pods/a'));
    using created = parent.createDirectory();
    expect(created.isDirectory).toBe(true);
    expect(readdirSync(dir.at('elsewhere'))).toEqual([]);
    expect(readdirSync(dir.at('pods/moved'))).toEqual(['t']);
  });

  test('creates 0750 directories and 0600 files, and says when something is there', () => {
    const { dir, roots } = arrange();
    using _ = dir;
    const before = openDescriptors();
    {
      using parent = roots.open(dir.at('pods/a/d'));
      using directory = parent.createDirectory();
      expect(directory.isEmpty()).toBe(true);
      expect(lanternErrorOf(() => parent.createFile()).code).toBe('already-exists');
      using fileParent = roots.open(dir.at('pods/a/f'));
      using file = fileParent.createFile();
      expect([file.isDirectory, file.isEmpty()]).toEqual([false, true]);
      expect(lanternErrorOf(() => fileParent.createDirectory()).code).toBe('already-exists');
    }
    expect([lstatSync(dir.at('pods/a/d')).mode, lstatSync(dir.at('pods/a/f')).mode]).toEqual([0o40750, 0o100600]);
    expect(openDescriptors()).toBe(before);
  });

  test('tells what is there', () => {
    const { dir, roots } = arrange();
    using _ = dir;
    mkdirSync(dir.at('pods/a/full/x'), { recursive: true });
    writeFileSync(dir.at('pods/a/text'), 'x');
    symlinkSync('text', dir.at('pods/a/link'));
    const isEmpty = (path: string): boolean | undefined => {
      using parent = roots.open(dir.at(path));
      using existing = parent.openExisting();
      return existing?.isEmpty();
    };
    const before = openDescriptors();
    expect(['pods/a', 'pods/a/full', 'pods/a/text', 'pods/a/none'].map(isEmpty)).toEqual([
      false,
      false,
      false,
      undefined,
    ]);
    expect(lanternErrorOf(() => isEmpty('pods/a/link'))).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('symbolic link'),
    });
    expect(openDescriptors()).toBe(before);
  });
});

describe('removeEmpty', () => {
  test.each([
    ['nothing', () => undefined, true],
    ['an empty directory', (path: string) => mkdirSync(path), true],
    ['an empty file', (path: string) => writeFileSync(path, ''), true],
    ['a directory with contents', (path: string) => mkdirSync(`${path}/x`, { recursive: true }), false],
    ['a file with contents', (path: string) => writeFileSync(path, 'x'), false],
    ['a link to an empty directory', (path: string) => symlinkSync('../empty', path), false],
  ] as const)('%s', (_, make, gone) => {
    const { dir, roots } = arrange();
    using _dir = dir;
    mkdirSync(dir.at('pods/empty'));
    make(dir.at('pods/a/t'));
    using parent = roots.open(dir.at('pods/a/t'));
    expect(parent.removeEmpty()).toBe(gone);
    expect(readdirSync(dir.at('pods/a'))).toEqual(gone ? [] : ['t']);
    expect(readdirSync(dir.at('pods'))).toContain('empty');
  });
});

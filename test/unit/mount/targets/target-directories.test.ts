import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { O_PATH } from '../../../../src/mount/linux/system-calls.ts';
import {
  type DirectoryAccess,
  type Openness,
  restoreState,
  setDirectoryAccess,
  stateOf,
  TargetDirectories,
} from '../../../../src/mount/targets/target-directories.ts';
import { TargetRoots } from '../../../../src/mount/targets/target-roots.ts';
import { listTree } from '../../../support/host/list-tree.ts';
import { MountFixture } from '../../../support/host/mounts.ts';
import { isRoot, mayMount, setDefaultAccessList } from '../../../support/host/privileges.ts';
import { openDescriptors } from '../../../support/host/process.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const EVERYBODY: Openness = { accessOf: () => 'everybody', onReachable: () => {} };

/** `pods` is the target root, `pods/run` the daemon's own, `outside` neither. */
function arrange() {
  const dir = new TempDir();
  for (const path of ['pods/run', 'outside/etc']) mkdirSync(dir.at(path), { recursive: true });
  const directories = new TargetDirectories(new TargetRoots([dir.at('pods')], [dir.at('pods/run')]));
  return { dir, directories, root: dir.at('pods/web') };
}

test('makes the root and what lies between, 0755 whatever the umask, and nothing else', () => {
  const { dir, directories, root } = arrange();
  using _ = dir;
  const umask = process.umask(0o077);
  try {
    const made = directories.make(root, `${root}/app/etc/db`, EVERYBODY);
    expect(made).toEqual([root, `${root}/app`, `${root}/app/etc`]);
    expect(made.map((path) => (statSync(path).mode & 0o7777).toString(8))).toEqual(['755', '755', '755']);
    expect(directories.make(root, `${root}/app/etc/db`, EVERYBODY)).toEqual([]);
    expect(directories.make(root, `${root}/app/var/x`, EVERYBODY)).toEqual([`${root}/app/var`]);
    expect(listTree(root)).toEqual(['app', 'app/etc', 'app/var']);
  } finally {
    process.umask(umask);
  }
});

describe('what is refused leaves nothing behind', () => {
  test.each<[string, (at: (path: string) => string) => void, string, string]>([
    [
      'a link below the root',
      (at) => symlinkSync(at('outside'), at('pods/web/app')),
      'web/app/etc/db',
      'failed-precondition',
    ],
    [
      'a link that leads nowhere',
      (at) => symlinkSync('none', at('pods/web/app')),
      'web/app/etc/db',
      'failed-precondition',
    ],
    ['a file on the way', (at) => writeFileSync(at('pods/web/app'), ''), 'web/app/etc/db', 'failed-precondition'],
    ['the daemon’s own', () => {}, 'run/x/y', 'failed-precondition'],
    ['a root without a parent', () => {}, 'none/web/app/db', 'failed-precondition'],
    ['an element that is too long', () => {}, `web/new/${'x'.repeat(256)}/db`, 'invalid-argument'],
    ['a path that is too long', () => {}, `web/new/${'x/'.repeat(2048)}db`, 'invalid-argument'],
    ['`..`', () => {}, 'web/new/../../../outside/new/db', 'invalid-argument'],
  ])('%s', (_name, plant, target, code) => {
    const { dir, directories, root } = arrange();
    using _ = dir;
    mkdirSync(root);
    plant((path) => dir.at(path));
    const before = listTree(dir.path);
    const descriptors = openDescriptors();
    const from = target.startsWith('web/') ? root : dir.at('pods', target.split('/').slice(0, 2).join('/'));
    expect(lanternErrorOf(() => directories.make(from, `${dir.path}/pods/${target}`, EVERYBODY)).code).toBe(code);
    expect(listTree(dir.path)).toEqual(before);
    expect(openDescriptors()).toEqual(descriptors);
  });

  test('a root that is a link', () => {
    const { dir, directories, root } = arrange();
    using _ = dir;
    symlinkSync(dir.at('outside'), root);
    expect(lanternErrorOf(() => directories.make(root, `${root}/new/db`, EVERYBODY)).code).toBe('failed-precondition');
    expect(lanternErrorOf(() => directories.make(dir.at('outside'), dir.at('outside/new/db'), EVERYBODY)).code).toBe(
      'permission-denied',
    );
    expect(listTree(dir.at('outside'))).toEqual(['etc']);
  });
});

describe('taking away', () => {
  test('goes up to the root, as far as directories are empty', () => {
    const { dir, directories, root } = arrange();
    using _ = dir;
    directories.make(root, `${root}/app/etc/db`, EVERYBODY);
    directories.make(root, `${root}/app/var/x`, EVERYBODY);
    directories.removeAbove(root, `${root}/app/etc/db`);
    expect(listTree(dir.at('pods'))).toEqual(['run', 'web', 'web/app', 'web/app/var']);
    directories.removeAbove(root, `${root}/app/var/x`);
    directories.removeAbove(root, `${root}/app/var/x`);
    expect(listTree(dir.at('pods'))).toEqual(['run']);
  });

  test('never through a link, never a file, and nothing outside of the root', () => {
    const { dir, directories, root } = arrange();
    using _ = dir;
    mkdirSync(root);
    symlinkSync(dir.at('outside'), `${root}/app`);
    writeFileSync(`${root}/file`, '');
    directories.removeAbove(root, `${root}/app/etc/db`);
    directories.removeAbove(root, `${root}/file/db`);
    directories.removeAbove(root, dir.at('outside/etc/db'));
    directories.remove([`${root}/app/etc`, `${root}/app`, `${root}/file`, dir.at('outside/etc')]);
    expect(readlinkSync(`${root}/app`)).toBe(dir.at('outside'));
    expect(lstatSync(`${root}/file`).isFile()).toBe(true);
    expect(listTree(dir.at('outside'))).toEqual(['etc']);
  });
});

const NOT_NAMED = { users: [], groups: [] };
const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);

/** A new directory, and the path of a descriptor of it. */
class Opened implements Disposable {
  readonly #dir = new TempDir('/dev/shm');
  readonly path = this.#dir.at('d');
  readonly #fd: number;
  readonly handle: string;

  constructor() {
    mkdirSync(this.path, 0o750);
    this.#fd = openSync(this.path, O_PATH);
    this.handle = `/proc/self/fd/${this.#fd}`;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    this.#dir[Symbol.dispose]();
  }
}

const ACCESSES: readonly (readonly [string, DirectoryAccess, string])[] = [
  ['everybody', 'everybody', '755'],
  ['nobody', NOT_NAMED, '700'],
  ['users', { users: [7, 5, 7], groups: [] }, '750'],
  ['a group', { users: [], groups: [9] }, '750'],
];

describe('from any access to any other', () => {
  test.each(ACCESSES.flatMap(([from, first]) => ACCESSES.map(([to, next, mode]) => ({ from, to, first, next, mode }))))(
    '$from, then $to',
    ({ first, next, mode }) => {
      using directory = new Opened();
      using fresh = new Opened();
      setDirectoryAccess(directory.handle, first);
      const before = stateOf(directory.handle);
      expect(setDirectoryAccess(directory.handle, next)).toBe(true);
      expect(modeOf(directory.path)).toBe(mode);
      // As if it had never been another.
      setDirectoryAccess(fresh.handle, next);
      expect(stateOf(directory.handle)).toEqual(stateOf(fresh.handle));
      restoreState(directory.handle, before);
      expect(stateOf(directory.handle)).toEqual(before);
    },
  );

  test.each(ACCESSES)('%s again touches nothing', (_name, access) => {
    using directory = new Opened();
    setDirectoryAccess(directory.handle, access);
    const { ctimeNs } = statSync(directory.path, { bigint: true });
    setDirectoryAccess(directory.handle, access);
    expect(statSync(directory.path, { bigint: true }).ctimeNs).toBe(ctimeNs);
  });
});

test.runIf(isRoot)('what its parent gives on does not count: an access list, a group, setgid (needs root)', () => {
  using dir = new TempDir('/dev/shm');
  setDefaultAccessList(dir.path, 12_345);
  chmodSync(dir.path, 0o2777);
  const directories = new TargetDirectories(new TargetRoots([dir.path], []));
  const closed = { accessOf: () => NOT_NAMED, onReachable: () => {} };
  for (const path of directories.make(dir.at('web'), dir.at('web/app/t'), closed)) {
    expect(stateOf(path)).toEqual({ mode: 0o700, list: undefined });
  }
});

test.runIf(mayMount)('a file system without lists is told of, and lets pass who knows the way (needs root)', () => {
  using fixture = new MountFixture();
  mkdirSync(fixture.at('ramfs'));
  execFileSync('mount', ['-t', 'ramfs', 'lantern-test', fixture.at('ramfs')]);
  const directories = new TargetDirectories(new TargetRoots([fixture.path], []));
  const reachable: string[] = [];
  const root = fixture.at('ramfs/web');
  const accessOf = (): DirectoryAccess => ({ users: [5], groups: [] });
  const openness = { accessOf, onReachable: (path: string) => void reachable.push(path) };
  expect(directories.make(root, `${root}/app/t`, openness)).toEqual(reachable);
  expect(reachable.map(modeOf)).toEqual(['711', '711']);
});

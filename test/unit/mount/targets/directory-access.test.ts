import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { O_PATH } from '../../../../src/mount/linux/system-calls.ts';
import {
  type DirectoryAccess,
  restoreState,
  setDirectoryAccess,
  stateOf,
  TargetDirectories,
} from '../../../../src/mount/targets/target-directories.ts';
import { TargetRoots } from '../../../../src/mount/targets/target-roots.ts';
import { MountFixture } from '../../../support/host/mounts.ts';
import { isRoot, mayMount, setDefaultAccessList } from '../../../support/host/privileges.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

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

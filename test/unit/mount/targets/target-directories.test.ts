import { lstatSync, mkdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Openness, TargetDirectories } from '../../../../src/mount/targets/target-directories.ts';
import { TargetRoots } from '../../../../src/mount/targets/target-roots.ts';
import { listTree } from '../../../support/host/list-tree.ts';
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

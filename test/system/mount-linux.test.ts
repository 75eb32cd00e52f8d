import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { probeBind } from '../../src/mount/detect/probe-bind.ts';
import { LinuxMounter } from '../../src/mount/linux/linux-mounter.ts';
import { TargetRoots } from '../../src/mount/targets/target-roots.ts';
import { MountFixture } from '../support/host/mounts.ts';
import { isRoot } from '../support/host/privileges.ts';
import { openDescriptors } from '../support/host/process.ts';

const mounter = new LinuxMounter({ noswap: false });
const LIMITS = { bytes: 1024 * 1024, inodes: 64 };

/** A pool with `source/file` in it, and an empty target beside it. */
function arrange(fixture: MountFixture): TargetRoots {
  for (const path of ['pool', 'targets']) mkdirSync(fixture.at(path));
  mounter.mountPool(fixture.at('pool'), LIMITS);
  mkdirSync(fixture.at('pool/source'));
  writeFileSync(fixture.at('pool/source/file'), 'one');
  return new TargetRoots([fixture.at('targets')], []);
}

describe.runIf(isRoot)('LinuxMounter (needs root)', () => {
  test('a pool is a tmpfs of the given size, for root only', () => {
    using fixture = new MountFixture();
    mkdirSync(fixture.at('pool'));
    mounter.mountPool(fixture.at('pool'), LIMITS);
    const { blocks, bsize, files } = statfsSync(fixture.at('pool'));
    expect([blocks * bsize, files, lstatSync(fixture.at('pool')).mode & 0o7777]).toEqual([1024 * 1024, 64, 0o700]);
    expect(fixture.mounts()).toMatchObject([{ source: 'lantern', fileSystem: 'tmpfs', root: '/' }]);
    expect(fixture.mounts()[0]?.options).toEqual(expect.arrayContaining(['nosuid', 'nodev']));
    mounter.unmount(fixture.at('pool'));
    mounter.unmount(fixture.at('pool'));
    expect(fixture.mounts()).toEqual([]);
  });

  test('noswap pools where the kernel has them, and the probe says so and leaves nothing', () => {
    using fixture = new MountFixture();
    const before = openDescriptors();
    const probe = probeBind(fixture.path);
    expect(probe).toMatchObject({ works: true, canChangeOwners: true });
    expect(fixture.mounts()).toEqual([]);
    expect(readdirSync(fixture.path)).toEqual([]);
    expect(openDescriptors()).toBe(before);
    if (!probe.works || !probe.noswap) return;
    mkdirSync(fixture.at('pool'));
    new LinuxMounter({ noswap: true }).mountPool(fixture.at('pool'), LIMITS);
    expect(fixture.mounts()[0]?.superOptions).toContain('noswap');
  });

  test('a bind is read-only also for root, follows its source and has only its own peer group', () => {
    using fixture = new MountFixture();
    const roots = arrange(fixture);
    const before = openDescriptors();
    {
      using parent = roots.open(fixture.at('targets/t'));
      using target = parent.createDirectory();
      using _bound = mounter.bind(fixture.at('pool/source'), target, ['noexec']);
    }
    expect(() => writeFileSync(fixture.at('targets/t/file'), 'x')).toThrow(/EROFS/);
    writeFileSync(fixture.at('pool/source/file'), 'two');
    expect(readFileSync(fixture.at('targets/t/file'), 'utf8')).toBe('two');
    const [pool, bind] = fixture.mounts();
    expect(bind).toMatchObject({ root: '/source', device: pool?.device });
    expect(bind?.options).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec']));
    expect(bind?.propagation).not.toEqual(pool?.propagation);
    // What is mounted below the source later must not show up, writable, below the bind.
    mkdirSync(fixture.at('pool/source/below'));
    mounter.mountPool(fixture.at('pool/source/below'), LIMITS);
    expect(fixture.mounts().map(({ mountPoint }) => mountPoint)).not.toContain(fixture.at('targets/t/below'));
    using parent = roots.open(fixture.at('targets/t'));
    using target = parent.openExisting();
    if (target === undefined) throw new Error('the target is gone');
    expect(mounter.identify(target)).toMatchObject({ device: pool?.device, isMountRoot: true });
    mounter.unbind(target);
    expect(fixture.mounts().map(({ mountPoint }) => mountPoint)).toEqual([
      fixture.at('pool'),
      fixture.at('pool/source/below'),
    ]);
    target[Symbol.dispose]();
    parent[Symbol.dispose]();
    expect(openDescriptors()).toBe(before);
  });

  test('more mounts than threads are unmounted in threads, and a failure has its errno', async () => {
    using fixture = new MountFixture();
    const roots = arrange(fixture);
    const before = openDescriptors();
    const bindAt = (name: string) => {
      using parent = roots.open(fixture.at(`targets/${name}`));
      using target = parent.createDirectory();
      using _bound = mounter.bind(fixture.at('pool/source'), target, []);
    };
    const unbindAt = async (name: string) => {
      using parent = roots.open(fixture.at(`targets/${name}`));
      using target = parent.openExisting();
      if (target === undefined) throw new Error('the target is gone');
      await mounter.unbindInThread(target);
    };
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) bindAt(name);
    mkdirSync(fixture.at('targets/unmounted'));
    const failing = expect(unbindAt('unmounted')).rejects.toMatchObject({ code: 'EINVAL' });
    await Promise.all([failing, ...names.map(unbindAt)]);
    expect(fixture.mounts().map(({ mountPoint }) => mountPoint)).toEqual([fixture.at('pool')]);
    expect(openDescriptors()).toBe(before);
  });

  test('a file is bound on a file', () => {
    using fixture = new MountFixture('private');
    const roots = arrange(fixture);
    using parent = roots.open(fixture.at('targets/t'));
    using target = parent.createFile();
    using _bound = mounter.bind(fixture.at('pool/source/file'), target, []);
    expect(readFileSync(fixture.at('targets/t'), 'utf8')).toBe('one');
  });

  test('undo takes away a mount whose target was moved and replaced by a link', () => {
    using fixture = new MountFixture();
    const roots = arrange(fixture);
    using parent = roots.open(fixture.at('targets/t'));
    using target = parent.createDirectory();
    renameSync(fixture.at('targets/t'), fixture.at('targets/moved'));
    symlinkSync('/etc', fixture.at('targets/t'));
    using bound = mounter.bind(fixture.at('pool/source'), target, []);
    expect(fixture.mounts().at(-1)?.mountPoint).toBe(fixture.at('targets/moved'));
    bound.undo();
    expect(fixture.mounts().map(({ mountPoint }) => mountPoint)).toEqual([fixture.at('pool')]);
  });

  test('a failing bind names the call, and leaves no mount and no descriptor', () => {
    using fixture = new MountFixture();
    const roots = arrange(fixture);
    using parent = roots.open(fixture.at('targets/t'));
    using target = parent.createDirectory();
    const before = openDescriptors();
    expect(() => mounter.bind(fixture.at('pool/none'), target, [])).toThrow(/^ENOENT: open_tree '.*\/pool\/none'$/);
    expect(() => mounter.bind(fixture.at('pool/source/file'), target, [])).toThrow(/^(EINVAL|ENOTDIR): move_mount/);
    expect(fixture.mounts()).toHaveLength(1);
    expect(openDescriptors()).toBe(before);
  });

  test('an adopted publication is written through a pool that is gone, and is read-only all the same', () => {
    using fixture = new MountFixture();
    const roots = arrange(fixture);
    using parent = roots.open(fixture.at('targets/t'));
    {
      using target = parent.createDirectory();
      using _bound = mounter.bind(fixture.at('pool/source'), target, ['nosymfollow']);
    }
    const reader = openSync(fixture.at('targets/t/file'), 'r');
    mounter.unmount(fixture.at('pool'));
    using target = parent.openExisting();
    if (target === undefined) throw new Error('the target is gone');
    mkdirSync(fixture.at('data'));
    mounter.adopt(target, fixture.at('data'));
    writeFileSync(fixture.at('data/file'), 'two');
    expect(readFileSync(reader, 'utf8')).toBe('two');
    closeSync(reader);
    expect(() => writeFileSync(fixture.at('targets/t/file'), 'x')).toThrow(/EROFS/);
  });
});

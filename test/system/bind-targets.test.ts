import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BindPublisher } from '../../src/mount/bind/bind-publisher.ts';
import { Pools } from '../../src/mount/bind/pools.ts';
import { LinuxMounter } from '../../src/mount/linux/linux-mounter.ts';
import { TargetRoots } from '../../src/mount/targets/target-roots.ts';
import { nodeFileSystem } from '../../src/volume/file-system.ts';
import { isRoot } from '../support/host/privileges.ts';
import { openDescriptors, Shell } from '../support/host/process.ts';
import { BindWorld, hostVolume } from '../support/mount/bind-world.ts';
import { relativePath } from '../support/objects/builders.ts';
import { lanternErrorOf } from '../support/suite/expectations.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume/volume-content.ts';

const ID = volumeId('db');

describe.runIf(isRoot)('targets of the bind publisher (needs root)', () => {
  test('a target that is replaced by a link between check and mount is left, and nothing stays mounted', () => {
    using world = new BindWorld();
    const { target } = hostVolume(world);
    const moved = join(world.targets, 'moved');
    class Racing extends LinuxMounter {
      override bind(...[source, opened, flags, announce]: Parameters<LinuxMounter['bind']>) {
        renameSync(target, moved);
        symlinkSync('/etc', target);
        return super.bind(source, opened, flags, announce);
      }
    }
    const mounter = new Racing({ noswap: false });
    const publisher = new BindPublisher({
      mounter,
      pools: new Pools({ mounter, directory: join(world.run, 'pools'), poolBytes: 65_536, totalBytes: 1_000_000 }),
      targets: new TargetRoots([world.targets], []),
      fs: nodeFileSystem,
      clock: world.clock,
      canChangeOwners: true,
      cautions: [],
    });
    const volume = publisher.open(volumeId('raced'), 'elsewhere');
    volume.write(payloadOf({ key: 'one' }));
    const before = [world.mounts(), openDescriptors()];
    expect(lanternErrorOf(() => volume.publish(target, undefined, [])).code).toBe('aborted');
    expect([world.mounts(), openDescriptors()]).toEqual(before);
    expect(readdirSync(moved)).toEqual([]);
    expect(volume.isPublished(target)).toBe(false);
  });

  test('foreign mounts are neither covered nor unmounted', () => {
    using world = new BindWorld();
    const { publisher, volume, target } = hostVolume(world);
    mkdirSync(target);
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    const before = [world.mounts(), openDescriptors()];
    expect(lanternErrorOf(() => volume.publish(target, undefined, [])).code).toBe('failed-precondition');
    volume.unpublish(target);
    publisher.clear(volumeId('other'), target);
    expect([world.mounts(), openDescriptors()]).toEqual(before);
  });

  test('what somebody mounted over a publication stays, and the publication goes once that is gone', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    const before = world.mounts();
    for (let round = 0; round < 2; round += 1) {
      expect(lanternErrorOf(() => volume.unpublish(target))).toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(`unmount the target "${target}".*another mount covers it`),
      });
      expect(world.mounts()).toEqual(before);
    }
    execFileSync('umount', [target]);
    volume.unpublish(target);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('a covered publication is resumed all the same: a container may still see it', async () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    await using container = new Shell('unshare', '-m', '--propagation', 'private');
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('one');
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    const [resumed] = world.start().resume();
    expect(resumed?.liveTargets).toMatchObject([{ target }]);
    expect(resumed?.volume.isPublished(target)).toBe(false);
    resumed?.volume.write(payloadOf({ key: 'two' }));
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('two');
  });

  test('a volume cannot be published inside a publication', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.write(payloadOf({ empty: '', key: 'one' }));
    volume.publish(target, undefined, []);
    const before = world.mounts();
    const inside = join(target, volume.generation ?? '');
    for (const [name, subPath] of [
      ['empty', relativePath('key')],
      ['new', undefined],
    ] as const) {
      expect(lanternErrorOf(() => volume.publish(join(inside, name), subPath, [])).code).toBe('failed-precondition');
    }
    expect(world.mounts()).toEqual(before);
  });

  test('targets reached by a link, or in the run directory, are refused', () => {
    using world = new BindWorld({ targetRoots: ['/'] });
    const { volume } = hostVolume(world);
    symlinkSync('/etc', join(world.targets, 'link'));
    for (const target of [join(world.targets, 'link/t'), join(world.run, 't'), join(world.run, 'pools')]) {
      expect(lanternErrorOf(() => volume.publish(target, undefined, [])).code).toBe('failed-precondition');
    }
  });
});

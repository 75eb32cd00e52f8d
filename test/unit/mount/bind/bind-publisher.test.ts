import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SystemCallError } from '../../../../src/base/errors.ts';
import { TargetRoots } from '../../../../src/mount/targets/target-roots.ts';
import { nodeFileSystem } from '../../../../src/volume/file-system.ts';
import { publisherContract } from '../../../contract/publisher-contract.ts';
import { openDescriptors } from '../../../support/host/process.ts';
import { POOL_BYTES, RecordedWorld } from '../../../support/mount/recorded-world.ts';
import { relativePath } from '../../../support/objects/builders.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';
import { payloadOf, recordOf, volumeId } from '../../../support/volume/volume-content.ts';

publisherContract('BindPublisher on a recorded mount table', () => new RecordedWorld(), { showsNothing: true });

function arrange() {
  const world = new RecordedWorld();
  const publisher = world.start();
  publisher.resume();
  const volume = publisher.open(volumeId('db'), 'default');
  volume.write(payloadOf({ a: '1', 'd/b': '2' }));
  return { world, publisher, volume, target: join(world.targets, 't') };
}

describe('mounts', () => {
  test('one pool per domain, one bind per target, however often they are asked for', () => {
    const { world, publisher, volume, target } = arrange();
    using _ = world;
    for (let round = 0; round < 10; round += 1) volume.publish(target, undefined, ['noexec']);
    publisher.open(volumeId('other'), 'default');
    publisher.open(volumeId('third'), 'elsewhere');
    expect(world.mounter.actions).toMatchObject([
      { type: 'mount-pool', limits: { bytes: POOL_BYTES, inodes: 1024 } },
      { type: 'bind', source: world.pool(volume.directoryName, 'data'), target, flags: ['noexec'] },
      { type: 'mount-pool' },
    ]);
  });

  test('a mount that somebody else took away is made again, and a sub path then shows what there is now', async () => {
    const { world, volume, target } = arrange();
    using _ = world;
    const { pinnedGeneration } = await volume.publish(target, relativePath('d'), []);
    volume.write(payloadOf({ 'd/b': '3' }));
    using parent = new TargetRoots([world.targets], []).open(target);
    using existing = parent.openExisting();
    if (existing !== undefined) world.mounter.unbind(existing);
    expect(volume.isPublished(target)).toBe(false);
    expect((await volume.publish(target, relativePath('d'), [])).pinnedGeneration).toBe(volume.generation);
    expect(volume.generation).not.toBe(pinnedGeneration);
    world.clock.advance(10_000);
    expect(readdirSync(world.pool(volume.directoryName, 'data'))).not.toContain(pinnedGeneration);
  });

  test('generations stay while any of several sub paths needs them', async () => {
    const { world, volume } = arrange();
    using _ = world;
    const [one, two] = [join(world.targets, 'one'), join(world.targets, 'two')];
    const { pinnedGeneration } = await volume.publish(one, relativePath('d'), []);
    volume.publish(two, relativePath('a'), []);
    volume.write(payloadOf({ a: '2' }));
    const generations = () => readdirSync(world.pool(volume.directoryName, 'data'));
    volume.unpublish(one);
    world.clock.advance(10_000);
    expect(generations()).toContain(pinnedGeneration);
    volume.unpublish(two);
    world.clock.advance(10_000);
    expect(generations()).not.toContain(pinnedGeneration);
  });
});

describe('failures', () => {
  test('a bind that fails leaves no target, no descriptor and no publication', () => {
    const { world, volume, target } = arrange();
    using _ = world;
    const before = openDescriptors();
    world.mounter.failNext('bind', constants.errno.EPERM);
    expect(lanternErrorOf(() => volume.publish(target, undefined, []))).toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining(target),
    });
    expect(readdirSync(world.targets)).toEqual([]);
    expect(openDescriptors()).toBe(before);
    volume.remove();
  });

  test('an unmount that fails keeps the publication, so that it can be tried again', () => {
    const { world, volume, target } = arrange();
    using _ = world;
    volume.publish(target, undefined, []);
    world.mounter.failNext('unbind', constants.errno.EPERM);
    expect(lanternErrorOf(() => volume.unpublish(target)).code).toBe('permission-denied');
    expect(volume.isPublished(target)).toBe(true);
    volume.unpublish(target);
    expect(volume.isPublished(target)).toBe(false);
  });

  test('so does one in another thread', async () => {
    const { world, volume, target } = arrange();
    using _ = world;
    const before = openDescriptors();
    volume.publish(target, undefined, []);
    world.mounter.failNext('unbind', constants.errno.EPERM);
    await expect(volume.unpublish(target, true)).rejects.toMatchObject({ code: 'permission-denied' });
    expect(volume.isPublished(target)).toBe(true);
    await volume.unpublish(target, true);
    expect([volume.isPublished(target), readdirSync(world.targets)]).toEqual([false, []]);
    expect(openDescriptors()).toBe(before);
  });

  test('a pool that cannot be mounted leaves no directory', () => {
    using world = new RecordedWorld();
    const publisher = world.start();
    world.mounter.failNext('mount-pool', constants.errno.ENOMEM);
    expect(lanternErrorOf(() => publisher.open(volumeId('db'), 'default')).code).toBe('resource-exhausted');
    expect(readdirSync(world.pools)).toEqual([]);
    publisher.open(volumeId('db'), 'default').write(payloadOf({}));
  });

  test('a home that cannot be made leaves no pool', () => {
    using world = new RecordedWorld();
    const mkdir = () => {
      throw new SystemCallError(constants.errno.ENOSPC, 'mkdir', undefined);
    };
    const publisher = world.start({ fs: { ...nodeFileSystem, mkdir } });
    expect(lanternErrorOf(() => publisher.open(volumeId('db'), 'default')).code).toBe('resource-exhausted');
    expect(readdirSync(world.pools)).toEqual([]);
    expect(world.mounter.table()).toEqual([]);
  });

  test('past the cap over all pools there is no further one until one goes, also after a restart', () => {
    const { world, publisher, volume } = arrange();
    using _ = world;
    const second = publisher.open(volumeId('second'), 'second');
    second.write(payloadOf({ a: '1' }));
    const refusal = {
      code: 'resource-exhausted',
      reason: 'POOL_FULL',
      message: expect.stringContaining('--pool-total'),
    };
    expect(lanternErrorOf(() => publisher.open(volumeId('third'), 'third'))).toMatchObject(refusal);
    for (const [id, each] of [
      ['db', volume],
      ['second', second],
    ] as const) {
      each.publish(join(world.targets, id), undefined, []);
      each.saveRecord(recordOf(volumeId(id), []));
    }
    const next = world.start();
    const resumed = next.resume();
    expect(lanternErrorOf(() => next.open(volumeId('third'), 'third'))).toMatchObject(refusal);
    for (const { volume: each, liveTargets } of resumed) {
      for (const { target } of liveTargets) each.unpublish(target);
      each.remove();
    }
    next.open(volumeId('third'), 'third').write(payloadOf({}));
  });

  test('a published volume is not removed', () => {
    const { world, volume, target } = arrange();
    using _ = world;
    volume.publish(target, undefined, []);
    expect(lanternErrorOf(() => volume.remove()).code).toBe('failed-precondition');
    expect(volume.isPublished(target)).toBe(true);
  });
});

describe('resume', () => {
  test('a target outside the roots of today can still be taken away', () => {
    const { world, volume, target } = arrange();
    using _ = world;
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(volumeId('db'), [{ target }]));
    mkdirSync(join(world.targets, 'narrower'));
    const next = world.start({ root: join(world.targets, 'narrower') });
    const [resumed] = next.resume();
    expect(resumed?.liveTargets).toMatchObject([{ target }]);
    resumed?.volume.unpublish(target);
    resumed?.volume.remove();
    expect(world.mounter.table()).toEqual([]);
    expect(readdirSync(world.targets)).toEqual(['narrower']);
  });

  test('targets keep the names their requests gave them, though a root is reached by a link', () => {
    using world = new RecordedWorld();
    using dir = new TempDir();
    const root = dir.at('link');
    symlinkSync(world.targets, root);
    const volume = world.start({ root }).open(volumeId('db'), 'default');
    volume.write(payloadOf({}));
    volume.publish(join(root, 't'), undefined, []);
    volume.saveRecord(recordOf(volumeId('db'), [{ target: join(root, 't') }]));
    const [resumed] = world.start({ root }).resume();
    expect(resumed?.liveTargets).toMatchObject([{ target: join(root, 't') }]);
    resumed?.volume.unpublish(join(root, 't'));
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('what is no home costs nobody anything, and goes with the pool', () => {
    const { world, volume, target } = arrange();
    using _ = world;
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(volumeId('db'), [{ target }]));
    writeFileSync(world.pool('stray'), 'x');
    mkdirSync(world.pool('half'));
    const [resumed, ...others] = world.start().resume();
    expect(others).toEqual([]);
    expect(resumed?.volume.directoryName).toBe(volume.directoryName);
    expect(readdirSync(world.pool())).not.toContain('half');
  });

  test('a record of another volume is a damaged one', () => {
    const { world, volume, target } = arrange();
    using _ = world;
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(volumeId('other'), [{ target }]));
    expect(world.start().resume()).toMatchObject([{ record: { ok: false }, liveTargets: [{ target }] }]);
  });

  test('the directory of a pool without its mount is removed, with what was written below', () => {
    const { world, volume } = arrange();
    using _ = world;
    world.mounter.unmount(world.pool());
    expect(readFileSync(world.pool(volume.directoryName, 'data/a'), 'utf8')).toBe('1');
    expect(world.start().resume()).toEqual([]);
    expect(readdirSync(world.pools)).toEqual([]);
  });
});

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isRoot } from '../support/host/privileges.ts';
import { openDescriptors } from '../support/host/process.ts';
import { BindWorld, hostVolume } from '../support/mount/bind-world.ts';
import { lanternErrorOf } from '../support/suite/expectations.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume/volume-content.ts';

const ID = volumeId('db');
const MIB = 1024 * 1024;

describe.runIf(isRoot)('pools of the bind publisher (needs root)', () => {
  test('1,000 volumes are mounted, updated and unmounted, and the mount table is back where it was', () => {
    using world = new BindWorld({ poolBytes: 64 * 1024 * 1024, poolTotalBytes: 64 * 1024 * 1024 });
    const publisher = world.start();
    publisher.resume();
    const before = [world.mounts(), openDescriptors()];
    const targets = Array.from({ length: 1000 }, (_, index) => join(world.targets, `t${index}`));
    const volumes = targets.map((target, index) => {
      const volume = publisher.open(volumeId(`volume-${index}`), 'default');
      volume.write(payloadOf({ key: 'one', index: String(index) }));
      volume.saveRecord(recordOf(volumeId(`volume-${index}`), [{ target }]));
      volume.publish(target, undefined, []);
      return volume;
    });
    expect(world.mounts()).toHaveLength(1001);
    const changed = payloadOf({ key: 'two' });
    for (const volume of volumes) volume.write(changed);
    expect(new Set(targets.map((target) => readFileSync(join(target, 'key'), 'utf8')))).toEqual(new Set(['two']));
    const next = world.start();
    const resumed = next.resume();
    expect(resumed).toHaveLength(1000);
    expect(world.mounts()).toHaveLength(1001);
    for (const { volume, liveTargets } of resumed) {
      for (const { target } of liveTargets) volume.unpublish(target);
      volume.remove();
    }
    expect([world.mounts(), openDescriptors()]).toEqual(before);
    expect(readdirSync(world.targets)).toEqual([]);
  }, 60_000);

  test('a pool that does not fit into what all may take is told at the start', () => {
    using world = new BindWorld({ poolBytes: 2 * MIB, poolTotalBytes: MIB });
    const error = lanternErrorOf(() => world.start());
    expect(error.code).toBe('failed-precondition');
    expect(error.message).toMatch(
      /^make pools of 2097152 bytes: all together are limited to 1048576.* smaller --pool-size/,
    );
    expect(world.mounts()).toEqual([]);
  });

  test('a full pool keeps the old contents whole and takes the new ones once there is room', () => {
    using world = new BindWorld();
    const { publisher, volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    const big = publisher.open(volumeId('big'), 'default');
    big.write(payloadOf({ blob: 'x'.repeat(600_000) }));
    const refused = lanternErrorOf(() => volume.write(payloadOf({ key: 'two', blob: 'y'.repeat(600_000) })));
    expect(refused).toMatchObject({ code: 'resource-exhausted', reason: 'POOL_FULL' });
    expect(refused.message).not.toContain('yyy');
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('one');
    expect(readdirSync(target)).toHaveLength(3);
    volume.saveRecord(recordOf(ID, [{ target }]));
    volume.unpublish(target);
    volume.publish(target, undefined, []);
    big.remove();
    volume.write(payloadOf({ key: 'two', blob: 'y'.repeat(600_000) }));
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('two');
  });

  test('a restart with a full pool does not refuse what is there already', async () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    const payload = payloadOf({ key: 'one', blob: 'x'.repeat(800_000) });
    volume.write(payload);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    const [resumed] = world.start().resume();
    expect((await resumed?.volume.write(payload))?.changed).toBe(false);
  });

  test('what is kept for slow readers makes room when the pool needs it', () => {
    using world = new BindWorld();
    const { publisher, volume } = hostVolume(world);
    const other = publisher.open(volumeId('other'), 'default');
    other.write(payloadOf({ blob: 'x'.repeat(600_000) }));
    other.write(payloadOf({ small: 'x' }));
    volume.write(payloadOf({ blob: 'y'.repeat(600_000) }));
    expect(volume.files()).toMatchObject([{ path: 'blob', size: 600_000 }]);
  });

  test('a pool that somebody unmounts is not written beside: the next daemon takes its publications over', () => {
    using world = new BindWorld();
    const { publisher, volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    const [pool = ''] = readdirSync(join(world.run, 'pools'));
    execFileSync('umount', ['-l', join(world.run, 'pools', pool)]);
    const unavailable = { code: 'unavailable', message: expect.stringContaining('restart the daemon') };
    expect(lanternErrorOf(() => volume.write(payloadOf({ key: 'two' })))).toMatchObject(unavailable);
    expect(lanternErrorOf(() => volume.saveRecord(recordOf(ID, [])))).toMatchObject(unavailable);
    expect(lanternErrorOf(() => publisher.open(volumeId('other'), 'default'))).toMatchObject(unavailable);
    expect(readdirSync(join(world.run, 'pools', pool))).toEqual([]);
    const next = world.start();
    expect(next.resume()).toEqual([]);
    const again = next.open(ID, 'default');
    again.write(payloadOf({ key: 'two' }));
    again.publish(target, undefined, []);
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('two');
  });

  test('starting over and over keeps the number of mounts', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    const before = [world.inventory(), openDescriptors()];
    for (let round = 0; round < 20; round += 1) {
      const publisher = world.start();
      const [resumed] = publisher.resume();
      resumed?.volume.publish(target, undefined, []);
      publisher.open(ID, 'default');
    }
    expect([world.inventory(), openDescriptors()]).toEqual(before);
  });
});

import { mkdirSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { SystemCallError } from '../../../../src/base/errors.ts';
import type { MountEntry } from '../../../../src/mount/linux/mount-table.ts';
import { nodeFileSystem, type VolumeFs } from '../../../../src/volume/file-system.ts';
import { isGenerationName } from '../../../../src/volume/layout.ts';
import { RETIREMENT_MS, Retirement } from '../../../../src/volume/retirement.ts';
import { RecordedWorld } from '../../../support/mount/recorded-world.ts';
import { payloadOf, recordOf, volumeId } from '../../../support/volume/volume-content.ts';

/** Published and recorded, each at a target of its own. */
function worldOf(count: number): RecordedWorld {
  const world = new RecordedWorld();
  const publisher = world.start();
  publisher.resume();
  for (let index = 0; index < count; index += 1) {
    const volume = publisher.open(volumeId(`v${index}`), 'default');
    const target = join(world.targets, `t${index}`);
    volume.write(payloadOf({ a: '1' }));
    volume.publish(target, undefined, [], ({ mountId }) => {
      volume.saveRecord(recordOf(volumeId(`v${index}`), [{ target, mountId }]));
    });
  }
  return world;
}

/** Counts reads of the properties of its values, and calls of its methods. */
function counted<T extends object>(value: T, count: { reads: number }): T {
  return new Proxy(value, {
    get(target, name) {
      count.reads += 1;
      return Reflect.get(target, name);
    },
  });
}

/** What a start does: looks at entries of the mount table, and calls of the file system. */
function workOfStart(volumes: number): { readonly looks: number; readonly calls: number; readonly resumed: number } {
  using world = worldOf(volumes);
  const [looks, calls] = [{ reads: 0 }, { reads: 0 }];
  const table = world.mounter.table();
  world.mounter.table = (): readonly MountEntry[] => table.map((mount) => counted(mount, looks));
  const resumed = world.start({ fs: counted<VolumeFs>(nodeFileSystem, calls) }).resume();
  return { looks: looks.reads, calls: calls.reads, resumed: resumed.length };
}

test('a start works twice as much for twice as many volumes', () => {
  const [one, two, four] = [10, 20, 40].map(workOfStart);
  expect([one?.resumed, two?.resumed, four?.resumed]).toEqual([10, 20, 40]);
  for (const work of ['looks', 'calls'] as const) {
    expect((four?.[work] ?? 0) - (two?.[work] ?? 0)).toBe(2 * ((two?.[work] ?? 0) - (one?.[work] ?? 0)));
  }
});

test('a full pool asks only volumes that have something to give up', () => {
  using world = new RecordedWorld();
  const full = { ...nodeFileSystem };
  const publisher = world.start({ fs: full });
  publisher.resume();
  const volumes = Array.from({ length: 20 }, (_, index) => publisher.open(volumeId(`v${index}`), 'default'));
  for (const volume of volumes) volume.write(payloadOf({ a: '1' }));
  volumes[7]?.write(payloadOf({ a: '2' }));
  using asked = vi.spyOn(Retirement.prototype, 'retiringNow');
  full.create = () => {
    throw new SystemCallError(constants.errno.ENOSPC, 'open', undefined);
  };
  expect(() => volumes[3]?.write(payloadOf({ a: '3' }))).toThrow(/full/);
  expect(asked).toHaveBeenCalledOnce();
  expect(() => volumes[3]?.write(payloadOf({ a: '3' }))).toThrow(/full/);
  expect(asked).toHaveBeenCalledOnce();
});

test('a publish, its repeat, an update and an unpublish do not read the mount table', () => {
  using world = worldOf(2);
  const publisher = world.start();
  publisher.resume();
  world.mounter.table = () => {
    throw new Error('the mount table was read');
  };
  const volume = publisher.open(volumeId('new'), 'default');
  const target = join(world.targets, 'new');
  mkdirSync(target);
  for (const text of ['1', '2']) {
    volume.write(payloadOf({ a: text }));
    volume.publish(target, undefined, []);
    expect(volume.isPublished(target)).toBe(true);
  }
  volume.unpublish(target);
  publisher.clear(volumeId('unknown'), target);
  volume.remove();
});

test('volumes that are updated at once wait for one timer, one poll and one look, and are retired without reading', () => {
  using world = new RecordedWorld();
  const calls: string[] = [];
  const fs = new Proxy(nodeFileSystem, {
    get(target, name) {
      calls.push(String(name));
      return Reflect.get(target, name);
    },
  });
  const table = world.mounter.watchTable();
  using polled = vi.spyOn(table, 'hasChanged');
  world.mounter.watchTable = () => table;
  const publisher = world.start({ fs });
  publisher.resume();
  const volumes = Array.from({ length: 40 }, (_, index) => publisher.open(volumeId(`v${index}`), 'default'));
  for (const text of ['1', '2']) for (const volume of volumes) volume.write(payloadOf({ a: text, 'b/c': text }));
  expect(world.clock.pending).toBe(1);
  calls.length = 0;
  world.clock.advance(RETIREMENT_MS);
  expect(world.mounter.looks).toBe(1);
  // Before the look, and with it.
  expect(polled.mock.calls.length).toBeLessThanOrEqual(3);
  expect(new Set(calls)).toEqual(new Set(['unlinkAll', 'rmdir']));
  for (const { directoryName, generation } of volumes) {
    const names = readdirSync(world.pool(directoryName, 'data'));
    expect(names.filter(isGenerationName)).toEqual([generation]);
  }
  expect(world.clock.pending).toBe(0);
});

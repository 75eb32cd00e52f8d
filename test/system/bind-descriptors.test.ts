import { readdirSync, renameSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { LinuxMounter } from '../../src/mount/linux/linux-mounter.ts';
import { isRoot } from '../support/host/privileges.ts';
import { openDescriptors, withDescriptors } from '../support/host/process.ts';
import { BindWorld, hostVolume } from '../support/mount/bind-world.ts';
import { lanternErrorOf } from '../support/suite/expectations.ts';

describe.runIf(isRoot)('bind without descriptors (needs root)', () => {
  const noDescriptors = () => {
    throw Object.assign(new Error('x'), { code: 'EMFILE' });
  };

  test('a mount that cannot be looked at is taken away again, and its target', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    const before = [world.mounts(), openDescriptors()];
    using _ = vi.spyOn(LinuxMounter.prototype, 'identify').mockImplementationOnce(noDescriptors);
    const error = lanternErrorOf(() => volume.publish(target, undefined, []));
    expect(error).toMatchObject({ code: 'resource-exhausted', message: expect.stringContaining('ulimit') });
    expect([world.mounts(), openDescriptors()]).toEqual(before);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('however many are left, a publish or an unpublish is whole or changes nothing', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    const before = [world.mounts(), openDescriptors()];
    const outcomes = [];
    for (let left = 0; left < 8; left += 1) {
      const error = withDescriptors(left, () => volume.publish(target, undefined, []));
      outcomes.push(error === undefined);
      if (error === undefined) {
        expect(withDescriptors(0, () => volume.unpublish(target))).toMatchObject({ code: 'resource-exhausted' });
        expect(volume.isPublished(target)).toBe(true);
        volume.unpublish(target);
      } else {
        expect(error).toMatchObject({ code: 'resource-exhausted', message: expect.stringContaining('ulimit') });
      }
      expect([world.mounts(), openDescriptors()]).toEqual(before);
      expect(readdirSync(world.targets)).toEqual([]);
    }
    expect(new Set(outcomes)).toEqual(new Set([false, true]));
  });

  test('a publication whose mount cannot be looked for stays known', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    renameSync(world.targets, world.fixture.at('moved'));
    using _ = vi.spyOn(LinuxMounter.prototype, 'table').mockImplementationOnce(noDescriptors);
    expect(() => volume.unpublish(target)).toThrow();
    expect(world.mounts()).toHaveLength(2);
    volume.unpublish(target);
    expect(world.mounts()).toHaveLength(1);
  });
});

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RelativePath } from '../../src/spec/relative-path.ts';
import { mountTable } from '../support/host/mounts.ts';
import { isRoot } from '../support/host/privileges.ts';
import { Shell } from '../support/host/process.ts';
import { BindWorld, hostVolume } from '../support/mount/bind-world.ts';
import { relativePath } from '../support/objects/builders.ts';
import { lanternErrorOf } from '../support/suite/expectations.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume/volume-content.ts';

const ID = volumeId('db');

describe.runIf(isRoot)('a publication whose pool is gone (needs root)', () => {
  /** As after a restart in which the pools were lost: two publications live on, and a reader has one of them open. */
  function lose(world: BindWorld, subPath?: RelativePath) {
    const { volume, target } = hostVolume(world);
    const second = join(world.targets, 'b');
    for (const each of [target, second]) volume.publish(each, subPath, []);
    volume.saveRecord(recordOf(ID, [{ target }, { target: second }]));
    for (const name of readdirSync(join(world.run, 'pools'))) {
      execFileSync('umount', ['-l', join(world.run, 'pools', name)]);
      rmdirSync(join(world.run, 'pools', name));
    }
    const publisher = world.start();
    expect(publisher.resume()).toEqual([]);
    return { publisher, target, second };
  }

  test('is taken over by the next publish for it: whoever has it mounted sees updates', async () => {
    using world = new BindWorld();
    const { publisher, target, second } = lose(world);
    await using container = new Shell('unshare', '-m', '--propagation', 'private');
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('one');
    const volume = publisher.open(ID, 'default');
    // What is retired of the pool's own generations must not reach into the file system that is taken over.
    for (const text of ['two', 'two and a half', 'two']) volume.write(payloadOf({ key: text }));
    const mountsAt = (path: string) => mountTable().filter(({ mountPoint }) => mountPoint === path);
    const before = [target, second].map(mountsAt);
    volume.publish(target, undefined, []);
    world.clock.advance(10_000);
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('two');
    volume.publish(second, undefined, []);
    expect([target, second].map(mountsAt)).toEqual(before);
    const third = join(world.targets, 'c');
    volume.publish(third, undefined, []);
    volume.write(payloadOf({ key: 'three' }));
    for (const each of [target, second, third]) expect(readFileSync(join(each, 'key'), 'utf8')).toBe('three');
    expect(() => writeFileSync(join(target, 'key'), 'x')).toThrow(/EROFS/);
    volume.saveRecord(recordOf(ID, [{ target }, { target: second }, { target: third }]));
    const mounts = world.mounts();

    const [resumed] = world.start().resume();
    expect(resumed?.liveTargets.map((live) => live.target).sort()).toEqual([target, second, third]);
    expect(world.mounts()).toEqual(mounts);
    resumed?.volume.write(payloadOf({ key: 'four' }));
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('four');
    for (const each of [target, second, third]) resumed?.volume.unpublish(each);
    resumed?.volume.remove();
    expect(world.mounts()).toEqual([]);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('is taken over with all contents, also when a sub path is published first', () => {
    using world = new BindWorld();
    const { publisher, target } = lose(world);
    const volume = publisher.open(ID, 'default');
    volume.write(payloadOf({ key: 'two' }));
    volume.publish(join(world.targets, 'file'), relativePath('key'), []);
    volume.publish(target, undefined, []);
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('two');
  });

  test('stays as it is when it shows a sub path, which is pinned anyway', async () => {
    using world = new BindWorld();
    const { publisher, target, second } = lose(world, relativePath('key'));
    const before = world.mounts();
    const volume = publisher.open(ID, 'default');
    volume.write(payloadOf({ key: 'two' }));
    const { pinnedGeneration } = await volume.publish(target, relativePath('key'), []);
    expect(before).toContain(`/${volume.directoryName}/data/${pinnedGeneration}/key on ${target}`);
    expect(world.mounts()).toEqual(expect.arrayContaining([...before]));
    expect(readFileSync(target, 'utf8')).toBe('one');
    expect(lanternErrorOf(() => volume.publish(second, undefined, [])).code).toBe('failed-precondition');
    for (const each of [target, second]) volume.unpublish(each);
    volume.remove();
    expect(world.mounts()).toEqual([]);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('is replaced when the volume has begun a new life at another target', () => {
    using world = new BindWorld();
    const { publisher, target } = lose(world);
    const volume = publisher.open(ID, 'default');
    volume.write(payloadOf({ key: 'two' }));
    const third = join(world.targets, 'c');
    volume.publish(third, undefined, []);
    volume.publish(target, undefined, []);
    volume.write(payloadOf({ key: 'three' }));
    for (const each of [target, third]) expect(readFileSync(join(each, 'key'), 'utf8')).toBe('three');
  });

  test('is taken away by unpublishing the unknown volume, and not for another one', () => {
    using world = new BindWorld();
    const { publisher, target, second } = lose(world);
    for (const each of [target, second]) publisher.clear(volumeId('other'), each);
    expect(world.mounts()).toHaveLength(2);
    for (const each of [target, second, second]) publisher.clear(ID, each);
    expect(world.mounts()).toEqual([]);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('is not taken over by another volume', () => {
    using world = new BindWorld();
    const { publisher, target } = lose(world);
    const other = publisher.open(volumeId('other'), 'default');
    other.write(payloadOf({ key: 'theirs' }));
    expect(lanternErrorOf(() => other.publish(target, undefined, [])).code).toBe('failed-precondition');
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('one');
  });

  test('is left alone while another daemon has its pool mounted', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    const other = world.start();
    mkdirSync(world.fixture.at('other-run'));
    const neighbour = new BindWorld({ runDirectory: world.fixture.at('other-run'), targetRoots: [world.targets] });
    using _ = neighbour;
    expect(other.kind).toBe('bind');
    const theirs = neighbour.start();
    theirs.resume();
    const mine = theirs.open(ID, 'default');
    mine.write(payloadOf({ key: 'theirs' }));
    expect(lanternErrorOf(() => mine.publish(target, undefined, [])).code).toBe('failed-precondition');
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('one');
  });
});

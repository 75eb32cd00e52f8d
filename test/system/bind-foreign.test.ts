import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { finish } from '../../src/base/steps.ts';
import { ProcMountTable } from '../../src/mount/linux/mount-table.ts';
import type { HostedVolume } from '../../src/mount/publisher.ts';
import { isGenerationName } from '../../src/volume/layout.ts';
import { contents, RETIREMENT_MS } from '../contract/publisher-world.ts';
import { MountFixture, mountTable } from '../support/host/mounts.ts';
import { isRoot } from '../support/host/privileges.ts';
import { Shell } from '../support/host/process.ts';
import { BindWorld, hostVolume } from '../support/mount/bind-world.ts';
import { DirectWorld } from '../support/mount/direct-world.ts';
import { relativePath } from '../support/objects/builders.ts';
import { lanternErrorOf } from '../support/suite/expectations.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume/volume-content.ts';

const contentsOf = (text: string) => payloadOf({ 'tls/key': `key ${text}`, 'tls/deep/crt': `crt ${text}`, user: text });

/** What can be bound of a volume, and what it shows. */
const PARTS: readonly [string, string, (place: string) => unknown, unknown][] = [
  ['a directory', 'tls', contents, { key: 'key first', 'deep/crt': 'crt first' }],
  ['a directory in a directory', 'tls/deep', contents, { crt: 'crt first' }],
  ['a file', 'tls/key', (place) => readFileSync(place, 'utf8'), 'key first'],
  ['a generation', '..data', contents, { 'tls/key': 'key first', 'tls/deep/crt': 'crt first', user: 'first' }],
];

/** Binds as a kubelet does, which asks `mount` with the real path. */
function bind(source: string, place: string, isFile: boolean): void {
  if (isFile) appendFileSync(place, '');
  else mkdirSync(place);
  execFileSync('mount', ['--bind', source, place]);
}

const unmount = (place: string) => execFileSync('umount', [place]);

const generations = (directory: string) => readdirSync(directory).filter(isGenerationName);

/** Updates that come so late that what they replace is retired before the next. */
function updateOften(volume: HostedVolume, clock: BindWorld['clock']): void {
  for (const text of ['second', 'third', 'fourth']) {
    volume.write(contentsOf(text));
    clock.advance(RETIREMENT_MS);
  }
}

function arrange(world: BindWorld) {
  const { publisher, volume, target } = hostVolume(world);
  volume.write(contentsOf('first'));
  volume.publish(target, undefined, []);
  const place = world.fixture.at('elsewhere');
  return { publisher, volume, target, place };
}

describe.runIf(isRoot)('what others bound of a generation (needs root)', () => {
  test.each(PARTS)('%s stays whole over many updates, until it is unmounted', (_name, part, show, first) => {
    using world = new BindWorld();
    const { volume, target, place } = arrange(world);
    bind(join(target, part), place, part === 'tls/key');
    const bound = volume.generation;
    updateOften(volume, world.clock);
    expect(show(place)).toEqual(first);
    expect(contents(target)).toEqual({ 'tls/key': 'key fourth', 'tls/deep/crt': 'crt fourth', user: 'fourth' });
    expect(generations(target)).toEqual([bound, volume.generation]);
    volume.look();
    expect(show(place)).toEqual(first);
    expect([target, place].map((path) => volume.isPublished(path))).toEqual([true, false]);
    unmount(place);
    expect(generations(target)).toHaveLength(2);
    volume.look();
    world.clock.advance(RETIREMENT_MS);
    expect(generations(target)).toEqual([volume.generation]);
  });

  test.each(PARTS)('%s stays whole in a pool that is full', (_name, part, show, first) => {
    using world = new BindWorld();
    const { volume, target, place } = arrange(world);
    bind(join(target, part), place, part === 'tls/key');
    const large = (fill: string, bytes: number) => payloadOf({ fill: fill.repeat(bytes) });
    // Two of them fit into the pool, and three do not: each retires the one before early.
    for (const fill of 'abcdefgh') volume.write(large(fill, 400_000));
    expect(show(place)).toEqual(first);
    expect(readFileSync(join(target, 'fill'), 'utf8')).toBe('h'.repeat(400_000));
    world.clock.advance(RETIREMENT_MS);
    expect(show(place)).toEqual(first);
    expect(generations(target)).toHaveLength(2);
  });

  test('what takes the room that an update needs is kept all the same, and given as soon as it is unmounted', () => {
    using world = new BindWorld();
    const { volume, target, place } = arrange(world);
    const large = (fill: string) => payloadOf({ 'tls/fill': fill.repeat(400_000) });
    volume.write(large('a'));
    bind(join(target, 'tls'), place, false);
    volume.write(large('b'));
    expect(lanternErrorOf(() => void volume.write(large('c'))).code).toBe('resource-exhausted');
    world.clock.advance(RETIREMENT_MS);
    expect(lanternErrorOf(() => void volume.write(large('c'))).code).toBe('resource-exhausted');
    expect(contents(place)).toEqual({ fill: 'a'.repeat(400_000) });
    expect(contents(target)).toEqual({ 'tls/fill': 'b'.repeat(400_000) });
    unmount(place);
    volume.write(large('c'));
    expect(contents(target)).toEqual({ 'tls/fill': 'c'.repeat(400_000) });
  });

  test.each(PARTS)('%s stays whole over a restart, and is no publication of the next daemon', async (...row) => {
    const [, part, show, first] = row;
    using world = new BindWorld();
    const { publisher, volume, target, place } = arrange(world);
    volume.saveRecord(recordOf(volumeId('db'), [{ target }]));
    bind(join(target, part), place, part === 'tls/key');
    updateOften(volume, world.clock);
    await publisher[Symbol.asyncDispose]();
    expect(show(place)).toEqual(first);
    const next = world.start();
    const [resumed] = next.resume();
    expect(resumed?.liveTargets.map((live) => live.target)).toEqual([target]);
    resumed?.volume.write(contentsOf('fifth'));
    world.clock.advance(RETIREMENT_MS);
    expect(show(place)).toEqual(first);
    expect(generations(target)).toHaveLength(2);
    next.removeAll();
    // The volume goes as it always did; whoever bound a part of it was to unmount that before.
    expect(world.mounts().filter((mount) => !mount.endsWith(`on ${place}`))).toEqual([]);
    await next[Symbol.asyncDispose]();
  });

  test('a part that was current when the daemon was killed stays whole as well', () => {
    using world = new BindWorld();
    const { volume, target, place } = arrange(world);
    volume.saveRecord(recordOf(volumeId('db'), [{ target }]));
    bind(join(target, 'tls'), place, false);
    volume.write(contentsOf('second'));
    const [resumed] = world.start().resume();
    resumed?.volume.write(contentsOf('third'));
    world.clock.advance(RETIREMENT_MS);
    resumed?.volume.look();
    expect(contents(place)).toEqual({ key: 'key first', 'deep/crt': 'crt first' });
    unmount(place);
    resumed?.volume.look();
    world.clock.advance(RETIREMENT_MS);
    expect(generations(target)).toEqual([resumed?.volume.generation]);
  });

  test('a part that shows through a publication of a subPath outlives that', () => {
    using world = new BindWorld();
    const { volume, target, place } = arrange(world);
    const part = join(world.targets, 'part');
    volume.publish(part, relativePath('tls'), []);
    bind(join(part, 'deep'), place, false);
    volume.write(contentsOf('second'));
    volume.unpublish(part);
    world.clock.advance(RETIREMENT_MS);
    expect(contents(place)).toEqual({ crt: 'crt first' });
    unmount(place);
    volume.look();
    world.clock.advance(RETIREMENT_MS);
    expect(generations(target)).toEqual([volume.generation]);
  });

  test('what a process in another mount namespace binds counts where it is shared with the daemon', async () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    const shared = world.fixture.at('pods');
    const own = world.fixture.at('own');
    for (const path of [shared, own, join(shared, 'sub'), join(own, 'sub')]) mkdirSync(path);
    await using kubelet = new Shell('unshare', '-m', '--propagation', 'unchanged');
    const run = async (...commands: readonly string[]) =>
      expect(await kubelet.run(`${commands.join(' && ')} && echo done`)).toBe('done');
    await run(`mount --bind ${own} ${own}`, `mount --make-private ${own}`);
    await run(`mount --bind ${target}/tls ${shared}/sub`, `mount --bind ${target}/tls ${own}/sub`);
    updateOften(volume, world.clock);
    expect(contents(join(shared, 'sub'))).toEqual({ key: 'key first', 'deep/crt': 'crt first' });
    expect(await kubelet.run(`echo $(cat ${shared}/sub/key ${shared}/sub/deep/crt)`)).toBe('key firstcrt first');
    await run(`umount ${shared}/sub`);
    // That which it kept to itself is seen by nobody.
    volume.look();
    world.clock.advance(RETIREMENT_MS);
    expect(generations(target)).toEqual([volume.generation]);
    expect(await kubelet.run(`echo in $(ls ${own}/sub)`)).toBe('in');
  });

  test('with direct, a part of a target stays whole as well, wherever the target was moved', async () => {
    using world = new DirectWorld();
    using fixture = new MountFixture();
    const volume = world.start().open(volumeId('db'), 'default');
    volume.write(contentsOf('first'));
    const target = join(world.targets, 'a b');
    await volume.publish(target, undefined, []);
    const place = fixture.at('elsewhere');
    bind(join(target, 'tls'), place, false);
    updateOften(volume, world.clock);
    const moved = join(world.targets, 'moved');
    renameSync(target, moved);
    volume.write(contentsOf('fifth'));
    world.clock.advance(RETIREMENT_MS);
    world.clock.advance(RETIREMENT_MS);
    await volume.look();
    world.clock.advance(RETIREMENT_MS);
    expect(contents(place)).toEqual({ key: 'key first', 'deep/crt': 'crt first' });
    expect(generations(moved)).toHaveLength(2);
    unmount(place);
    await volume.look();
    world.clock.advance(RETIREMENT_MS);
    expect(generations(moved)).toEqual([volume.generation]);
  });
});

describe.runIf(isRoot)('the mount table that is watched (needs root)', () => {
  test('tells of each mount and unmount once, and reads as the whole table does', () => {
    // In a shared one each mount would multiply those before it.
    using fixture = new MountFixture('private');
    using table = new ProcMountTable();
    expect([table.hasChanged(), table.hasChanged()]).toEqual([true, false]);
    for (let index = 0; index < 100; index += 1) {
      const place = fixture.at(`${index} ${'é'.repeat(60)}`);
      mkdirSync(place);
      execFileSync('mount', ['--bind', fixture.at(`0 ${'é'.repeat(60)}`), place]);
    }
    expect(table.hasChanged()).toBe(true);
    const isWanted = (line: string) => line.includes(fixture.path);
    const found = finish(table.reading(isWanted));
    expect(found.length).toBeGreaterThan(100);
    expect(found).toEqual(mountTable().filter(({ mountPoint }) => mountPoint.startsWith(fixture.path)));
    unmount(fixture.mounts().at(-1)?.mountPoint ?? '');
    expect(table.hasChanged()).toBe(true);
  });
});

import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { relativePath } from '../support/objects/builders.ts';
import { payloadOf } from '../support/volume/volume-content.ts';
import {
  arrange,
  contents,
  FIRST,
  type PublisherDeviations,
  type PublisherWorld,
  RETIREMENT_MS,
  SECOND,
} from './publisher-world.ts';

/** The contents that readers find at the targets. */
export function publisherContentsContract(createWorld: () => PublisherWorld, deviations: PublisherDeviations): void {
  test('bytes and modes, through the links, in one generation', () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    expect(contents(target)).toEqual({ 'tls/crt': 'c1', 'tls/key': 'k1', user: 'admin' });
    expect(statSync(join(target, 'user')).mode & 0o777).toBe(0o400);
    expect(readlinkSync(join(target, '..data'))).toBe(volume.generation);
    expect(lstatSync(join(target, 'tls')).isSymbolicLink()).toBe(true);
    expect(volume.files()).toMatchObject([
      { path: 'tls/crt', size: 2, mode: 0o644 },
      { path: 'tls/key', size: 2, mode: 0o644 },
      { path: 'user', size: 5, mode: 0o400 },
    ]);
  });

  test('a write reaches every target; an equal one touches nothing', async () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    const targets = [target, join(world.targets, 'b')];
    for (const each of targets) volume.publish(each, undefined, []);
    const before = volume.generation;
    const outcome = volume.write(SECOND);
    expect(outcome).toEqual({
      changed: true,
      generation: volume.generation,
      previous: before,
      changedPaths: ['added', 'tls/crt', 'tls/key', 'user'],
    });
    for (const each of targets) {
      expect(contents(each)).toEqual({ added: 'x', 'tls/key': 'k2', user: 'root' });
    }
    const touched = targets.map((each) => lstatSync(join(each, '..data')).ino);
    expect((await volume.write(payloadOf({ user: 'root', 'tls/key': 'k2', added: 'x' }))).changed).toBe(false);
    expect(targets.map((each) => lstatSync(join(each, '..data')).ino)).toEqual(touched);
  });

  test('sub paths show what the generation held, completely and for as long as they are mounted', () => {
    using world = createWorld();
    const { volume } = arrange(world);
    const [file, directory] = [join(world.targets, 'file'), join(world.targets, 'directory')];
    const pinnedGeneration = volume.generation;
    expect(volume.publish(file, relativePath('user'), [])).toMatchObject({ pinnedGeneration });
    expect(volume.publish(directory, relativePath('tls'), [])).toMatchObject({ pinnedGeneration });
    volume.write(SECOND);
    world.clock.advance(RETIREMENT_MS);
    volume.write(FIRST);
    volume.write(SECOND);
    world.clock.advance(RETIREMENT_MS);
    expect(readFileSync(file, 'utf8')).toBe('admin');
    expect(statSync(file).nlink).toBe(1);
    expect(statSync(file).mode & 0o777).toBe(0o400);
    expect(contents(directory)).toEqual({ crt: 'c1', key: 'k1' });
    expect(volume.publish(directory, relativePath('tls'), [])).toMatchObject({ pinnedGeneration });
    volume.unpublish(file);
    volume.unpublish(directory);
    expect(readdirSync(world.targets)).toEqual([]);
    volume.publish(directory, relativePath('tls'), []);
    expect(contents(directory)).toEqual({ key: 'k2' });
  });

  test.runIf(deviations.isWritableByOwner !== true)('nobody writes to a publication', () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    const file = join(world.targets, 'file');
    volume.publish(file, relativePath('user'), []);
    for (const path of [join(target, 'user'), join(target, 'new'), join(target, '..data/new'), file]) {
      expect(() => writeFileSync(path, 'x')).toThrow(/EROFS/);
    }
  });
}

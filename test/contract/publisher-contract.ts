import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDescriptors } from '../support/host/process.ts';
import { relativePath } from '../support/objects/builders.ts';
import { lanternErrorOf } from '../support/suite/expectations.ts';
import { recordOf, volumeId } from '../support/volume/volume-content.ts';
import { publisherContentsContract } from './publisher-contents-contract.ts';
import { publisherDamageContract } from './publisher-damage-contract.ts';
import { publisherRestartContract } from './publisher-restart-contract.ts';
import { arrange, FIRST, ID, type PublisherDeviations, type PublisherWorld, SECOND } from './publisher-world.ts';

/** The contract of every Publisher. `createWorld` is called once per test. */
export function publisherContract(
  name: string,
  createWorld: () => PublisherWorld,
  deviations: PublisherDeviations = {},
): void {
  describe(`${name}: publishing`, () => {
    test('a target is made, again changes nothing, and goes with its unpublishing', () => {
      using world = createWorld();
      const { volume, target } = arrange(world);
      expect(volume.isPublished(target)).toBe(false);
      const before = openDescriptors();
      for (let round = 0; round < 10; round += 1) {
        expect(volume.publish(target, undefined, [])).toMatchObject({ pinnedGeneration: undefined });
      }
      expect(openDescriptors()).toBe(before + (deviations.keepsDescriptors === true ? 1 : 0));
      expect(volume.isPublished(target)).toBe(true);
      const published = world.inventory();
      volume.publish(target, undefined, []);
      expect(world.inventory()).toEqual(published);
      volume.unpublish(target);
      volume.unpublish(target);
      expect(volume.isPublished(target)).toBe(false);
      expect(readdirSync(world.targets)).toEqual([]);
      expect(openDescriptors()).toBe(before);
    });

    test('an empty directory that is there already is used', () => {
      using world = createWorld();
      const { volume, target } = arrange(world);
      mkdirSync(target);
      volume.publish(target, undefined, []);
      expect(volume.isPublished(target)).toBe(true);
    });

    test.each([
      ['a directory with contents', (target: string) => mkdirSync(join(target, 'x'), { recursive: true }), undefined],
      ['a file where a directory is needed', (target: string) => writeFileSync(target, ''), undefined],
      ['a directory where a file is needed', (target: string) => mkdirSync(target), 'user'],
      ['a file with contents', (target: string) => writeFileSync(target, 'x'), 'user'],
      ['a link to an empty directory', (target: string) => symlinkSync('empty', target), undefined],
      ['a link to nothing', (target: string) => symlinkSync('none', target), undefined],
    ] as const)('%s is not covered', (_, make, subPath) => {
      using world = createWorld();
      const { volume, target } = arrange(world);
      mkdirSync(join(world.targets, 'empty'));
      make(target);
      const before = [listing(world.targets), openDescriptors(), world.inventory()];
      const error = lanternErrorOf(() => volume.publish(target, subPath && relativePath(subPath), []));
      expect(error).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining(target) });
      expect([listing(world.targets), openDescriptors(), world.inventory()]).toEqual(before);
      expect(volume.isPublished(target)).toBe(false);
    });

    test('a missing parent is named and not made', () => {
      using world = createWorld();
      const { volume } = arrange(world);
      const error = lanternErrorOf(() => volume.publish(join(world.targets, 'none/t'), undefined, []));
      expect(error).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining('create it first') });
      expect(readdirSync(world.targets)).toEqual([]);
    });

    test('a missing sub path is not found, and the message names what there is', () => {
      using world = createWorld();
      const { volume, target } = arrange(world);
      const error = lanternErrorOf(() => volume.publish(target, relativePath('usr'), []));
      expect(error).toMatchObject({ code: 'not-found', message: expect.stringMatching(/tls.*user/) });
      expect(readdirSync(world.targets)).toEqual([]);
    });

    test('another part of the volume does not replace what a target shows', () => {
      using world = createWorld();
      const { volume, target } = arrange(world);
      volume.publish(target, relativePath('tls'), []);
      for (const subPath of [undefined, relativePath('user')]) {
        expect(lanternErrorOf(() => volume.publish(target, subPath, [])).code).toBe('failed-precondition');
      }
      expect(volume.isPublished(target)).toBe(true);
    });

    test('a target of another volume is refused, and theirs stays', () => {
      using world = createWorld();
      const { publisher, volume, target } = arrange(world);
      volume.publish(target, undefined, []);
      const other = publisher.open(volumeId('other'), 'default');
      other.write(SECOND);
      expect(lanternErrorOf(() => other.publish(target, undefined, [])).code).toBe('failed-precondition');
      other.unpublish(target);
      publisher.clear(volumeId('third'), target);
      expect(volume.isPublished(target)).toBe(true);
    });

    test('mount flags are honoured, or refused without leaving anything', () => {
      using world = createWorld();
      const { volume, target } = arrange(world);
      const publish = () => volume.publish(target, undefined, ['noexec']);
      if (deviations.refusesFlags === true) {
        expect(lanternErrorOf(publish).code).toBe('failed-precondition');
        expect(readdirSync(world.targets)).toEqual([]);
      } else {
        publish();
        expect(volume.isPublished(target)).toBe(true);
      }
    });
  });

  describe(`${name}: taking away`, () => {
    test('the last volume takes everything with it; again is fine', () => {
      using world = createWorld();
      const publisher = world.start();
      publisher.resume();
      const before = world.inventory();
      for (const id of ['one', 'two']) {
        const volume = publisher.open(volumeId(id), 'default');
        volume.write(FIRST);
        const target = join(world.targets, id);
        volume.publish(target, undefined, []);
        volume.saveRecord(recordOf(volumeId(id), [{ target }]));
        volume.saveInputs({ data: new Map([['k', Buffer.from('v')]]), tokens: new Map() });
      }
      expect(world.inventory()).not.toEqual(before);
      for (const id of ['one', 'two']) {
        const volume = publisher.open(volumeId(id), 'default');
        volume.unpublish(join(world.targets, id));
        volume.remove();
      }
      expect(world.inventory()).toEqual(before);
      expect(readdirSync(world.targets)).toEqual([]);
    });

    test('removeAll leaves nothing', () => {
      using world = createWorld();
      const publisher = world.start();
      publisher.resume();
      const before = world.inventory();
      const volume = publisher.open(ID, 'default');
      volume.write(FIRST);
      volume.publish(join(world.targets, 'a'), undefined, []);
      volume.publish(join(world.targets, 'b'), relativePath('user'), []);
      publisher.removeAll();
      expect(readdirSync(world.targets)).toEqual([]);
      expect(world.inventory()).toEqual(before);
    });

    test.each([
      ['nothing', 'goes', () => undefined],
      ['an empty directory', 'goes', (target: string) => mkdirSync(target)],
      ['an empty file, of whomsoever', 'stays', (target: string) => writeFileSync(target, '')],
      ['a directory with contents', 'stays', (target: string) => mkdirSync(join(target, 'x'), { recursive: true })],
      ['a file with contents', 'stays', (target: string) => writeFileSync(target, 'x')],
      ['a link', 'stays', (target: string) => symlinkSync('/', target)],
    ] as const)('clear for an unknown volume: %s %s', (_, outcome, make) => {
      using world = createWorld();
      const publisher = world.start();
      publisher.resume();
      const target = join(world.targets, 'a');
      make(target);
      const before = openDescriptors();
      publisher.clear(ID, target);
      publisher.clear(ID, join(world.targets, 'none/t'));
      expect(readdirSync(world.targets)).toEqual(outcome === 'goes' ? [] : ['a']);
      expect(openDescriptors()).toBe(before);
    });
  });

  describe.runIf(deviations.showsNothing !== true)(`${name}: what is visible`, () => {
    publisherContentsContract(createWorld, deviations);
  });

  describe.runIf(deviations.showsNothing !== true)(`${name}: damages`, () => {
    publisherDamageContract(createWorld, deviations);
  });

  describe(`${name}: a restart`, () => {
    publisherRestartContract(createWorld, deviations);
  });

  test(`${name}: usage is within its limits`, () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    const { usedBytes, totalBytes, usedInodes, totalInodes } = volume.usage();
    expect(usedBytes).toBeGreaterThan(0);
    expect(usedBytes).toBeLessThanOrEqual(totalBytes);
    expect(usedInodes).toBeLessThanOrEqual(totalInodes);
  });
}

function listing(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
}

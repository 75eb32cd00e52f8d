import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostedVolume, Publisher } from '../../src/mount/publisher.ts';
import { relativePath } from '../support/builders.ts';
import { lanternErrorOf } from '../support/lantern-error.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { openDescriptors } from '../support/open-descriptors.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume-content.ts';

/** One host with one publisher on it. Disposal takes everything away, mounts included. */
export interface PublisherWorld extends Disposable {
  readonly clock: ManualClock;
  /** A directory below the target roots, empty at first. */
  readonly targets: string;
  /** A publisher on the world's run directory; one after another, never two that live. */
  start(): Publisher;
  /** Every mount and file that is there, but for the targets' directory: equal before and after means nothing is left. */
  inventory(): readonly string[];
  /** Where the record of a volume is. */
  recordFile(volume: HostedVolume): string;
}

/** Where a way of publishing is known to differ from the contract's strongest reading. */
export type PublisherDeviations = {
  /** Mount flags are refused. */
  readonly refusesFlags?: boolean;
  /** Root can write to a publication, as it is no mount of its own. */
  readonly isWritableByOwner?: boolean;
  /** A directory's contents are not visible at targets: the mounter only records. */
  readonly showsNothing?: boolean;
  /** Each publication costs a descriptor for as long as it lives. */
  readonly keepsDescriptors?: boolean;
};

const ID = volumeId('db');
const FIRST = payloadOf({ user: { text: 'admin', mode: 0o400 }, 'tls/key': 'k1', 'tls/crt': 'c1' });
const SECOND = payloadOf({ user: 'root', 'tls/key': 'k2', added: 'x' });
/** Longer than a replaced generation is kept. */
const RETIREMENT_MS = 10_000;

/** What every Publisher does. `createWorld` is called once per test. */
export function publisherContract(
  name: string,
  createWorld: () => PublisherWorld,
  deviations: PublisherDeviations = {},
): void {
  const visible = describe.runIf(deviations.showsNothing !== true);

  /** A world with the volume `db` in it, FIRST written. */
  function arrange() {
    const world = createWorld();
    const publisher = world.start();
    publisher.resume();
    const volume = publisher.open(ID, 'default');
    volume.write(FIRST);
    const target = join(world.targets, 'a');
    return { world, publisher, volume, target };
  }

  describe(`${name}: publishing`, () => {
    test('a target is made, again changes nothing, and goes with its unpublishing', () => {
      const { world, volume, target } = arrange();
      using _ = world;
      expect(volume.isPublished(target)).toBe(false);
      const before = openDescriptors();
      for (let round = 0; round < 10; round += 1) {
        expect(volume.publish(target, undefined, [])).toEqual({ pinnedGeneration: undefined });
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
      const { world, volume, target } = arrange();
      using _ = world;
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
      const { world, volume, target } = arrange();
      using _world = world;
      mkdirSync(join(world.targets, 'empty'));
      make(target);
      const before = [listing(world.targets), openDescriptors(), world.inventory()];
      const error = lanternErrorOf(() => volume.publish(target, subPath && relativePath(subPath), []));
      expect(error).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining(target) });
      expect([listing(world.targets), openDescriptors(), world.inventory()]).toEqual(before);
      expect(volume.isPublished(target)).toBe(false);
    });

    test('a missing parent is named and not made', () => {
      const { world, volume } = arrange();
      using _ = world;
      const error = lanternErrorOf(() => volume.publish(join(world.targets, 'none/t'), undefined, []));
      expect(error).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining('create it first') });
      expect(readdirSync(world.targets)).toEqual([]);
    });

    test('a missing sub path is not found, and the message names what there is', () => {
      const { world, volume, target } = arrange();
      using _ = world;
      const error = lanternErrorOf(() => volume.publish(target, relativePath('usr'), []));
      expect(error).toMatchObject({ code: 'not-found', message: expect.stringMatching(/tls.*user/) });
      expect(readdirSync(world.targets)).toEqual([]);
    });

    test('another part of the volume does not replace what a target shows', () => {
      const { world, volume, target } = arrange();
      using _ = world;
      volume.publish(target, relativePath('tls'), []);
      for (const subPath of [undefined, relativePath('user')]) {
        expect(lanternErrorOf(() => volume.publish(target, subPath, [])).code).toBe('failed-precondition');
      }
      expect(volume.isPublished(target)).toBe(true);
    });

    test('a target of another volume is refused, and theirs stays', () => {
      const { world, publisher, volume, target } = arrange();
      using _ = world;
      volume.publish(target, undefined, []);
      const other = publisher.open(volumeId('other'), 'default');
      other.write(SECOND);
      expect(lanternErrorOf(() => other.publish(target, undefined, [])).code).toBe('failed-precondition');
      other.unpublish(target);
      publisher.clear(volumeId('third'), target);
      expect(volume.isPublished(target)).toBe(true);
    });

    test('mount flags are honoured, or refused without leaving anything', () => {
      const { world, volume, target } = arrange();
      using _ = world;
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

  visible(`${name}: what is visible`, () => {
    test('bytes and modes, through the links, in one generation', () => {
      const { world, volume, target } = arrange();
      using _ = world;
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

    test('a write reaches every target; an equal one touches nothing', () => {
      const { world, volume, target } = arrange();
      using _ = world;
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
      expect(volume.write(payloadOf({ user: 'root', 'tls/key': 'k2', added: 'x' })).changed).toBe(false);
      expect(targets.map((each) => lstatSync(join(each, '..data')).ino)).toEqual(touched);
    });

    test('sub paths show what the generation held, completely and for as long as they are mounted', () => {
      const { world, volume } = arrange();
      using _ = world;
      const [file, directory] = [join(world.targets, 'file'), join(world.targets, 'directory')];
      const pinnedGeneration = volume.generation;
      expect(volume.publish(file, relativePath('user'), [])).toEqual({ pinnedGeneration });
      expect(volume.publish(directory, relativePath('tls'), [])).toEqual({ pinnedGeneration });
      volume.write(SECOND);
      world.clock.advance(RETIREMENT_MS);
      volume.write(FIRST);
      volume.write(SECOND);
      world.clock.advance(RETIREMENT_MS);
      expect(readFileSync(file, 'utf8')).toBe('admin');
      expect(statSync(file).nlink).toBe(1);
      expect(statSync(file).mode & 0o777).toBe(0o400);
      expect(contents(directory)).toEqual({ crt: 'c1', key: 'k1' });
      expect(volume.publish(directory, relativePath('tls'), [])).toEqual({ pinnedGeneration });
      volume.unpublish(file);
      volume.unpublish(directory);
      expect(readdirSync(world.targets)).toEqual([]);
      volume.publish(directory, relativePath('tls'), []);
      expect(contents(directory)).toEqual({ key: 'k2' });
    });

    test.runIf(deviations.isWritableByOwner !== true)('nobody writes to a publication', () => {
      const { world, volume, target } = arrange();
      using _ = world;
      volume.publish(target, undefined, []);
      const file = join(world.targets, 'file');
      volume.publish(file, relativePath('user'), []);
      for (const path of [join(target, 'user'), join(target, 'new'), join(target, '..data/new'), file]) {
        expect(() => writeFileSync(path, 'x')).toThrow(/EROFS/);
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
      ['nothing', () => undefined, 'goes'],
      ['an empty directory', (target: string) => mkdirSync(target), 'goes'],
      ['an empty file', (target: string) => writeFileSync(target, ''), 'goes'],
      ['a directory with contents', (target: string) => mkdirSync(join(target, 'x'), { recursive: true }), 'stays'],
      ['a file with contents', (target: string) => writeFileSync(target, 'x'), 'stays'],
      ['a link', (target: string) => symlinkSync('/', target), 'stays'],
    ] as const)('clear for an unknown volume: %s %3$s', (_, make, outcome) => {
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

  describe(`${name}: a restart`, () => {
    test('finds volumes, records, inputs and publications as they were, however often', () => {
      const { world, volume, target } = arrange();
      using _ = world;
      const file = join(world.targets, 'file');
      const pinnedGeneration = volume.generation;
      volume.publish(target, undefined, []);
      volume.publish(file, relativePath('user'), []);
      volume.write(SECOND);
      const record = recordOf(ID, [{ target }, { target: file, subPath: relativePath('user'), pinnedGeneration }]);
      const inputs = { data: new Map([['k', Buffer.from('v')]]), tokens: new Map() };
      volume.saveRecord(record);
      volume.saveInputs(inputs);
      world.start().resume();
      const before = world.inventory();
      for (let round = 0; round < 3; round += 1) {
        const [resumed, ...others] = world.start().resume();
        expect(others).toEqual([]);
        expect(resumed?.record).toEqual({ ok: true, value: record });
        expect(resumed?.inputs?.data.get('k')).toEqual(new Uint8Array(Buffer.from('v')));
        expect(byTarget(resumed?.liveTargets)).toEqual([
          { target, subPath: undefined, pinnedGeneration: undefined },
          { target: file, subPath: 'user', pinnedGeneration },
        ]);
        expect(resumed?.volume.isPublished(target)).toBe(true);
        expect(world.inventory()).toEqual(before);
      }
    });

    test('later writes reach the same publications, and pins hold', () => {
      const { world, volume, target } = arrange();
      using _ = world;
      const directory = join(world.targets, 'directory');
      volume.publish(target, undefined, []);
      const { pinnedGeneration } = volume.publish(directory, relativePath('tls'), []);
      const pinned = { target: directory, subPath: relativePath('tls'), pinnedGeneration };
      volume.saveRecord(recordOf(ID, [{ target }, pinned]));
      const [resumed] = world.start().resume();
      if (resumed === undefined) throw new Error('the volume was not resumed');
      expect(resumed.volume.write(FIRST).changed).toBe(false);
      expect(resumed.volume.write(SECOND).changed).toBe(true);
      world.clock.advance(RETIREMENT_MS);
      resumed.volume.publish(target, undefined, []);
      expect(resumed.volume.publish(directory, relativePath('tls'), [])).toEqual({ pinnedGeneration });
      if (deviations.showsNothing !== true) {
        expect(contents(target)).toEqual({ added: 'x', 'tls/key': 'k2', user: 'root' });
        expect(contents(directory)).toEqual({ crt: 'c1', key: 'k1' });
      }
      for (const each of [target, directory]) resumed.volume.unpublish(each);
      resumed.volume.remove();
      expect(readdirSync(world.targets)).toEqual([]);
    });

    test('a volume that was never recorded nor published is swept', () => {
      using world = createWorld();
      world.start().resume();
      const before = world.inventory();
      const publisher = world.start();
      publisher.resume();
      publisher.open(ID, 'default').write(FIRST);
      expect(world.start().resume()).toEqual([]);
      expect(world.inventory()).toEqual(before);
    });

    test('a damaged record costs that volume its record while it is published, and nothing else', () => {
      const { world, publisher, volume, target } = arrange();
      using _ = world;
      const healthy = publisher.open(volumeId('healthy'), 'default');
      healthy.write(FIRST);
      healthy.publish(join(world.targets, 'healthy'), undefined, []);
      const record = recordOf(volumeId('healthy'), [{ target: join(world.targets, 'healthy') }]);
      healthy.saveRecord(record);
      volume.publish(target, undefined, []);
      volume.saveRecord(recordOf(ID, [{ target }]));
      writeFileSync(world.recordFile(volume), '{"volumeId": "planted-secret');
      const resumed = world.start().resume();
      const damaged = resumed.find((each) => each.volume.directoryName === volume.directoryName);
      expect(resumed).toHaveLength(2);
      expect(resumed.find((each) => each !== damaged)?.record).toEqual({ ok: true, value: record });
      expect(damaged?.record.ok).toBe(false);
      expect(JSON.stringify(damaged?.record)).not.toContain('planted-secret');
      expect(damaged?.liveTargets).toMatchObject([{ target }]);
      damaged?.volume.write(SECOND);
      if (deviations.showsNothing !== true) expect(contents(target)).toMatchObject({ user: 'root' });
      damaged?.volume.unpublish(target);
      expect(existsSync(target)).toBe(false);
      damaged?.volume.remove();
      expect(world.start().resume()).toHaveLength(1);
    });

    test('nothing is there: nothing is resumed', () => {
      using world = createWorld();
      expect(world.start().resume()).toEqual([]);
    });
  });

  test(`${name}: usage is within its limits`, () => {
    const { world, volume, target } = arrange();
    using _ = world;
    volume.publish(target, undefined, []);
    const { usedBytes, totalBytes, usedInodes, totalInodes } = volume.usage();
    expect(usedBytes).toBeGreaterThan(0);
    expect(usedBytes).toBeLessThanOrEqual(totalBytes);
    expect(usedInodes).toBeLessThanOrEqual(totalInodes);
  });
}

/** Path → text of all files a reader finds through the visible names. */
function contents(directory: string): Record<string, string> {
  const found: [string, string][] = [];
  const walk = (path: string, prefix: string): void => {
    for (const name of readdirSync(path).sort()) {
      if (name.startsWith('..')) continue;
      if (statSync(join(path, name)).isDirectory()) walk(join(path, name), `${prefix}${name}/`);
      else found.push([`${prefix}${name}`, readFileSync(join(path, name), 'utf8')]);
    }
  };
  walk(directory, '');
  return Object.fromEntries(found);
}

function listing(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
}

function byTarget<T extends { readonly target: string }>(found: readonly T[] | undefined): readonly T[] {
  return [...(found ?? [])].sort((a, b) => (a.target < b.target ? -1 : 1));
}

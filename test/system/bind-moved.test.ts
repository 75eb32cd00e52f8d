import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostedVolume } from '../../src/mount/publisher.ts';
import { mountTable } from '../support/host/mounts.ts';
import { isRoot } from '../support/host/privileges.ts';
import { openDescriptors } from '../support/host/process.ts';
import { BindWorld, hostVolume } from '../support/mount/bind-world.ts';
import { relativePath } from '../support/objects/builders.ts';
import { lanternErrorOf } from '../support/suite/expectations.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume/volume-content.ts';

const ID = volumeId('db');
const FIRST = payloadOf({ key: 'again' });

/** A whole volume and one file of it, published below a directory that is renamed afterwards. */
function moveAway(world: BindWorld) {
  const { publisher, volume } = hostVolume(world);
  const parent = join(world.targets, 'home');
  mkdirSync(parent);
  const targets = [join(parent, 't'), join(parent, 'f')] as const;
  volume.publish(targets[0], undefined, []);
  volume.publish(targets[1], relativePath('key'), []);
  const moved = join(world.targets, 'moved');
  renameSync(parent, moved);
  return { publisher, volume, targets, parent, moved };
}

const idAt = (path: string) => mountTable().find(({ mountPoint }) => mountPoint === path)?.id;

const publications = (world: BindWorld) => world.mounts().filter((line) => line.includes(world.targets));

describe.runIf(isRoot)('publications whose targets were moved (needs root)', () => {
  test.each([
    ['nothing is there now', () => undefined],
    ['a link is there now', (parent: string, moved: string) => symlinkSync(moved, parent)],
    ['others are there now', (parent: string) => mkdirSync(join(parent, 't', 'theirs'), { recursive: true })],
  ] as const)('are taken away where they are: %s', (_, replace) => {
    using world = new BindWorld();
    const { volume, targets, parent, moved } = moveAway(world);
    replace(parent, moved);
    const before = openDescriptors();
    expect(publications(world)).toHaveLength(2);
    for (const target of targets) {
      volume.unpublish(target);
      volume.unpublish(target);
    }
    expect(publications(world)).toEqual([]);
    expect(readdirSync(moved)).toEqual([]);
    expect(openDescriptors()).toBe(before);
    volume.remove();
    expect(world.mounts()).toEqual([]);
  });

  test('are found below paths that are longer than one system call takes', () => {
    using world = new BindWorld();
    const { volume, targets, moved } = moveAway(world);
    const script = 'i=0; while [ $i -lt 25 ]; do mkdir "$1" && cd "$1" || exit 1; i=$((i+1)); done; mv "$2" deep';
    execFileSync('bash', ['-c', script, 'bash', 'd'.repeat(200), moved], { cwd: world.targets });
    for (const target of targets) volume.unpublish(target);
    expect(publications(world)).toEqual([]);
  });

  test('a bind that others made of a publication stays', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    const mirror = world.fixture.at('mirror');
    mkdirSync(mirror);
    execFileSync('mount', ['--bind', target, mirror]);
    volume.unpublish(target);
    expect(world.mounts().filter((line) => line.endsWith(mirror))).toHaveLength(1);
    expect(readFileSync(join(mirror, 'key'), 'utf8')).toBe('one');
  });

  test("another's mount that got the id of ours is not unmounted", () => {
    using world = new BindWorld();
    const { volume } = hostVolume(world);
    const mirror = world.fixture.at('mirror');
    mkdirSync(mirror);
    const generation = join(world.recordFile(volume), '../data', volume.generation ?? '');
    /** Publishes, unmounts, and binds elsewhere. True if the bind got the publication's id. */
    const reuseId = (target: string): boolean => {
      volume.publish(target, undefined, []);
      const mountId = idAt(target);
      execFileSync('umount', [target]);
      execFileSync('mount', ['--bind', generation, mirror]);
      if (idAt(mirror) === mountId) return true;
      execFileSync('umount', [mirror]);
      return false;
    };
    // The kernel gives the lowest free id. A mount of another process may take it in between.
    const targets = Array.from({ length: 20 }, (_, index) => join(world.targets, `${index}`));
    const target = targets.find(reuseId);
    if (target === undefined) throw new Error('no bind got the id of a publication');
    volume.unpublish(target);
    expect(world.mounts().filter((line) => line.endsWith(mirror))).toHaveLength(1);
    expect(volume.isPublished(target)).toBe(false);
  });

  test.each([
    ['', false],
    [', after a restart', true],
  ])('a later publication of the volume that got the id of a removed one is not unmounted for it%s', (_, restarts) => {
    using world = new BindWorld();
    const { publisher, volume: first } = hostVolume(world);
    /** Publishes, unmounts, and publishes elsewhere. */
    const reuseId = (target: string) => {
      first.publish(target, undefined, []);
      const mountId = idAt(target);
      execFileSync('umount', [target]);
      first.publish(`${target}-later`, undefined, []);
      const later = idAt(`${target}-later`);
      first.saveRecord(
        recordOf(ID, [
          { target, mountId },
          { target: `${target}-later`, mountId: later },
        ]),
      );
      return later === mountId;
    };
    // The kernel gives the lowest free id. A mount of another process may take it in between.
    const targets = Array.from({ length: 20 }, (_, index) => join(world.targets, `${index}`));
    const target = targets.find(reuseId);
    if (target === undefined) throw new Error('no publication got the id of another');
    const later = `${target}-later`;
    let volume: HostedVolume = first;
    if (restarts) {
      const [resumed] = world.start().resume();
      expect(resumed?.liveTargets).toMatchObject([{ target: later }]);
      if (resumed !== undefined) volume = resumed.volume;
    } else {
      expect(publisher.vanished([volume]).get(volume)).toContain(target);
    }
    volume.unpublish(target);
    expect(readFileSync(join(later, 'key'), 'utf8')).toBe('one');
    expect(volume.isPublished(later)).toBe(true);
    volume.unpublish(later);
    expect(publications(world).filter((line) => line.includes(later))).toEqual([]);
  });

  test('are seen where they are, and not taken for gone', () => {
    using world = new BindWorld();
    const { publisher, volume, targets } = moveAway(world);
    expect(volume.isInPlace()).toBe(false);
    expect([...(publisher.vanished([volume]).get(volume) ?? [])]).toEqual([]);
    // From now on one system call for each tells.
    expect(volume.isInPlace()).toBe(true);
    execFileSync('umount', [join(world.targets, 'moved/t')]);
    expect(volume.isInPlace()).toBe(false);
    expect(publisher.vanished([volume]).get(volume)).toEqual([targets[0]]);
  });

  test('a covered publication is not taken for gone', () => {
    using world = new BindWorld();
    const { publisher, volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    expect(publisher.vanished([volume]).get(volume)).toEqual([]);
  });
});

describe.runIf(isRoot)('a restart among mounts of others (needs root)', () => {
  /** Published at `target` and recorded so; others bound it and a file of it elsewhere. */
  function mirrored(world: BindWorld) {
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    const mountId = idAt(target);
    volume.saveRecord(recordOf(ID, [{ target, mountId }]));
    const [inside, outside] = [join(world.targets, 'mirror'), world.fixture.at('outside')];
    for (const path of [inside, outside]) {
      mkdirSync(path);
      execFileSync('mount', ['--bind', target, path]);
    }
    return { volume, target, inside, outside };
  }

  test('what the record names is ours, and nothing else', () => {
    using world = new BindWorld();
    const { target, inside, outside } = mirrored(world);
    const publisher = world.start();
    const [resumed] = publisher.resume();
    expect(resumed?.liveTargets).toMatchObject([{ target }]);
    publisher.removeAll();
    expect(world.mounts().map((line) => line.split(' on ')[1])).toEqual([inside, outside]);
  });

  test('without a record, what lies below a target root is', () => {
    using world = new BindWorld();
    const { volume, target, inside } = mirrored(world);
    execFileSync('rm', [world.recordFile(volume)]);
    const [resumed] = world.start().resume();
    expect(resumed?.record.ok).toBe(false);
    expect(resumed?.liveTargets.map((live) => live.target).sort()).toEqual([target, inside].sort());
  });

  test('a record without mount ids, of an older daemon, is known by its targets', () => {
    using world = new BindWorld();
    const { volume, target } = mirrored(world);
    volume.saveRecord(recordOf(ID, [{ target }]));
    const [resumed] = world.start().resume();
    expect(resumed?.liveTargets).toMatchObject([{ target }]);
    resumed?.volume.unpublish(target);
    expect(world.mounts().filter((line) => line.endsWith(target))).toEqual([]);
  });

  test('a publication that was moved while no daemon ran is still known', () => {
    using world = new BindWorld();
    const { volume, targets, moved } = moveAway(world);
    volume.saveRecord(
      recordOf(ID, [
        { target: targets[0], mountId: idAt(join(moved, 't')) },
        {
          target: targets[1],
          subPath: relativePath('key'),
          pinnedGeneration: volume.generation,
          mountId: idAt(join(moved, 'f')),
        },
      ]),
    );
    const [resumed] = world.start().resume();
    expect(resumed?.liveTargets.map(({ target }) => target)).toEqual(targets);
    for (const target of targets) resumed?.volume.unpublish(target);
    expect(publications(world)).toEqual([]);
  });
});

describe.runIf(isRoot)('a publication whose root was deleted (needs root)', () => {
  test.each([
    ['with its record', (directory: string) => execFileSync('rm', ['-rf', join(directory, 'data')])],
    ['with all of the volume', (directory: string) => execFileSync('rm', ['-rf', directory])],
  ] as const)('%s is replaced by the next publish', (_, destroy) => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    const mountId = idAt(target);
    volume.saveRecord(recordOf(ID, [{ target, mountId }]));
    destroy(join(world.recordFile(volume), '..'));
    expect(readdirSync(target)).toEqual([]);
    const publisher = world.start();
    publisher.resume();
    const again = publisher.open(ID, 'default');
    again.write(FIRST);
    for (let round = 0; round < 3; round += 1) again.publish(target, undefined, []);
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('again');
    expect(publications(world)).toHaveLength(1);
    again.unpublish(target);
    again.remove();
    expect(world.mounts()).toEqual([]);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('is taken away by unpublishing the unknown volume', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    execFileSync('rm', ['-rf', join(world.recordFile(volume), '..')]);
    const publisher = world.start();
    publisher.resume();
    publisher.clear(volumeId('other'), target);
    expect(publications(world)).toHaveLength(1);
    publisher.clear(ID, target);
    expect(world.mounts()).toEqual([]);
    expect(readdirSync(world.targets)).toEqual([]);
  });
});

describe.runIf(isRoot)('a foreign mount over a target (needs root)', () => {
  test('is named as the obstacle, and nothing is left', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    mkdirSync(target);
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    const error = lanternErrorOf(() => volume.publish(target, undefined, []));
    expect(error).toMatchObject({ code: 'failed-precondition' });
    expect(error.message).toContain(`"${target}": another mount is already there`);
    expect(volume.isPublished(target)).toBe(false);
  });
});

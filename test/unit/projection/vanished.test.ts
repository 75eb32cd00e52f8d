import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import { BoundVolume } from '../../../src/mount/bind/bound-volume.ts';
import { isGenerationName } from '../../../src/volume/layout.ts';
import { NEVER, ProjectionWorld } from '../../support/projection/projection-world.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

const PERIOD = 60_000;
/** The longest that a round of the sync period can take to come. */
const ROUND = 1.1 * PERIOD;
const ID = volumeId('v');

async function arrange(): Promise<ProjectionWorld> {
  const world = new ProjectionWorld({ syncPeriodMs: PERIOD });
  await world.start();
  await world.apply('db', { password: 'one' });
  await world.publish();
  return world;
}

async function round(world: ProjectionWorld): Promise<void> {
  world.clock.advance(ROUND);
  await world.projector.settled();
}

const targetsOf = (world: ProjectionWorld) => world.projector.get('v')?.publications.map(({ target }) => target);

describe('a publication that somebody else unmounted', () => {
  it('is dropped by the next round, and the volume with its last one', async () => {
    await using world = await arrange();
    await world.publish({ target: world.target('second') });
    world.mounter.unmount(world.target('t'));
    await round(world);
    expect(targetsOf(world)).toEqual([world.target('second')]);
    expect(world.events.at(-1)).toMatchObject({ type: 'unmounted', target: world.target('t') });
    await world.restart({ keepStore: true });
    expect(targetsOf(world)).toEqual([world.target('second')]);
    world.mounter.unmount(world.target('second'));
    await round(world);
    expect(world.projector.list()).toEqual([]);
    expect(world.mounter.table()).toEqual([]);
    expect(world.grep('one')).toEqual([]);
  });

  it('is made anew by a repeat, and then stays', async () => {
    await using world = await arrange();
    world.mounter.unmount(world.target('t'));
    await world.publish();
    await round(world);
    expect(targetsOf(world)).toEqual([world.target('t')]);
  });

  it('costs a look at the mount table only where a mount is not in its place', async () => {
    await using world = await arrange();
    await world.publish({ volumeId: volumeId('w'), target: world.target('w') });
    const table = vi.spyOn(world.mounter, 'table');
    await round(world);
    expect(table).toHaveBeenCalledTimes(0);
    world.mounter.unmount(world.target('t'));
    world.mounter.unmount(world.target('w'));
    await round(world);
    expect(table).toHaveBeenCalledTimes(1);
    expect(world.projector.list()).toEqual([]);
  });
});

describe('a volume that cannot be removed', () => {
  const noDescriptors = () => {
    throw new LanternError('resource-exhausted', 'remove the volume: no descriptors');
  };

  it('does not hide why its first publish failed, and is removed a little later', async () => {
    await using world = new ProjectionWorld();
    await world.start();
    await world.apply('db', { password: 'one' });
    using remove = vi.spyOn(BoundVolume.prototype, 'remove').mockImplementationOnce(noDescriptors);
    world.mounter.failNext('bind', constants.errno.EMFILE);
    await expect(world.publish()).rejects.toThrow(/mount a volume at.*too many open files \(EMFILE\).*ulimit/);
    expect(world.projector.list()).toEqual([]);
    expect(world.mounter.table()).toHaveLength(1);
    world.clock.advance(2_000);
    await vi.waitFor(() => expect(world.mounter.table()).toEqual([]));
    expect(remove).toHaveBeenCalledTimes(2);
  });

  it('is no volume any more after its last unmount, which says so, and which can be repeated', async () => {
    await using world = await arrange();
    using _ = vi.spyOn(BoundVolume.prototype, 'remove').mockImplementationOnce(noDescriptors);
    const unpublish = () => world.projector.unpublish({ volumeId: ID, target: undefined }, NEVER);
    await expect(unpublish()).rejects.toThrow('no descriptors');
    expect(world.projector.list()).toEqual([]);
    await unpublish();
    expect(world.mounter.table()).toEqual([]);
  });

  it('is removed before it is published anew', async () => {
    await using world = await arrange();
    using _ = vi.spyOn(BoundVolume.prototype, 'remove').mockImplementationOnce(noDescriptors);
    await expect(world.projector.unpublish({ volumeId: ID, target: undefined }, NEVER)).rejects.toThrow();
    await world.publish();
    expect(world.files()).toEqual({ password: 'one' });
    await round(world);
    expect(targetsOf(world)).toEqual([world.target('t')]);
  });
});

it('a volume whose files cannot be read is listed without them, and the others with theirs', async () => {
  await using world = await arrange();
  await world.publish({ volumeId: volumeId('w'), target: world.target('w') });
  using _ = vi.spyOn(BoundVolume.prototype, 'files').mockImplementationOnce(() => {
    throw Object.assign(new Error('x'), { code: 'EMFILE' });
  });
  const [first, second] = world.projector.list();
  expect(first).toMatchObject({
    state: 'stale',
    files: [],
    lastError: expect.stringMatching(/list the files.*EMFILE/),
  });
  expect(second).toMatchObject({ state: 'ready', files: [{ path: 'password' }], lastError: undefined });
});

it('what others bound of a volume is no publication, and is kept until a round finds that bind gone', async () => {
  await using world = await arrange();
  const data = world.dataDirectory('v');
  const generations = () => readdirSync(data).filter(isGenerationName);
  const [bound = ''] = generations();
  world.mounter.bindByOthers(join(data, bound), world.target('elsewhere'));
  for (const password of ['two', 'three']) {
    await world.apply('db', { password });
    await round(world);
  }
  expect(readFileSync(join(data, bound, 'password'), 'utf8')).toBe('one');
  expect(targetsOf(world)).toEqual([world.target('t')]);
  expect(world.projector.census()).toMatchObject({ publications: { whole: 1, subPath: 0 }, pinnedGenerations: 1 });
  await world.restart({ keepStore: true });
  await world.apply('db', { password: 'four' });
  await round(world);
  expect(readFileSync(join(data, bound, 'password'), 'utf8')).toBe('one');
  expect([targetsOf(world), generations().length]).toEqual([[world.target('t')], 2]);
  world.mounter.unbindByOthers(world.target('elsewhere'));
  await round(world);
  expect(generations()).toEqual([world.projector.get('v')?.generation]);
  expect(world.projector.census().pinnedGenerations).toBe(0);
  expect(world.files()).toEqual({ password: 'four' });
});

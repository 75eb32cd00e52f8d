import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { secretDraft } from '../../support/objects/builders.ts';
import { inline, NEVER, ProjectionWorld } from '../../support/projection/projection-world.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

const SYNC_MS = 60_000;
const db = secretDraft('db', { password: 'one', user: 'admin' });
const relabelled = { ...db, metadata: { ...db.metadata, labels: new Map([['a', 'b']]) } };

describe('the health of a volume', () => {
  it('says since when a volume is stale, why and when it was updated last; that it is well again is an event', async () => {
    await using world = new ProjectionWorld();
    await world.start();
    await world.apply('db', { password: 'one' });
    const definition = inline({ secret: { secretName: 'db', items: [{ key: 'password', path: 'password' }] } });
    const updatedAt = world.clock.now();
    await world.publish({ definition });
    expect(world.projector.get('v')).toMatchObject({ state: 'ready', problemSince: undefined, updatedAt });

    world.clock.advance(5_000);
    const since = world.clock.now();
    await world.delete('db');
    world.clock.advance(10_000);
    await world.projector.settled();
    const lastError = expect.stringContaining('does not exist');
    expect(world.projector.get('v')).toMatchObject({ state: 'stale', lastError, problemSince: since, updatedAt });

    await world.apply('db', { password: 'one' });
    expect(world.projector.get('v')).toMatchObject({ state: 'ready', lastError: undefined, problemSince: undefined });
    const told = world.recorded.filter(({ reason }) => reason === 'FailedUpdate' || reason === 'Recovered');
    expect(told).toMatchObject([
      { type: 'Warning', reason: 'FailedUpdate' },
      {
        type: 'Normal',
        message: expect.stringContaining(`well again; since ${new Date(since).toISOString()} it was not`),
      },
    ]);
    await expect.poll(() => world.events.filter(({ type }) => type === 'recovered')).toHaveLength(1);
  });

  it('a volume that is degraded, as its record was lost, says since when, and recovers with the next mount', async () => {
    await using world = new ProjectionWorld();
    await world.start();
    await world.apply('db', { password: 'one' });
    await world.publish();
    world.damageRecord('v');
    await world.restart({ keepStore: true });
    const problemSince = world.clock.now();
    expect(world.projector.list()).toMatchObject([{ state: 'degraded', problemSince }]);
    await world.publish();
    expect(world.projector.list()).toMatchObject([{ volumeId: 'v', state: 'ready', problemSince: undefined }]);
    expect(world.recorded.map(({ reason }) => reason)).toContain('Recovered');
  });
});

it('the age of a volume counts from its first mount, through changes, repeats and restarts', async () => {
  await using world = new ProjectionWorld();
  await world.start();
  await world.apply('db', { password: 'one' });
  const mountedAt = world.clock.now();
  await world.publish();
  world.clock.advance(5_000);
  await world.apply('db', { password: 'two' });
  await world.projector.settled();
  await world.publish();
  expect(world.projector.get('v')).toMatchObject({ mountedAt });
  world.clock.advance(5_000);
  await world.restart({ keepStore: true });
  expect(world.projector.get('v')).toMatchObject({ state: 'ready', mountedAt });
  await world.projector.unpublish({ volumeId: volumeId('v'), target: undefined }, NEVER);
  world.clock.advance(5_000);
  await world.publish();
  expect(world.projector.get('v')).toMatchObject({ mountedAt: mountedAt + 15_000 });
});

describe('a volume that somebody damaged', () => {
  it.each<[string, (world: ProjectionWorld) => unknown]>([
    ['a round of the sync period', (world) => world.clock.advance(2 * SYNC_MS)],
    ['a refresh', (world) => world.projector.refresh('v', NEVER)],
    ['a repeated mount request', (world) => world.publish()],
    [
      'a round that meets a change without other contents',
      (world) => {
        world.clock.advance(2 * SYNC_MS);
        return world.store.apply(relabelled, { createOnly: false, dryRun: false }, NEVER);
      },
    ],
  ])('is repaired by %s, with an event', async (_, act) => {
    await using world = new ProjectionWorld({ syncPeriodMs: SYNC_MS });
    await world.start();
    await world.apply('db', { password: 'one', user: 'admin' });
    await world.publish();
    unlinkSync(join(world.dataDirectory('v'), 'password'));
    await act(world);
    await world.projector.settled();
    expect(world.files()).toEqual({ password: 'one', user: 'admin' });
    const repairs = world.recorded.filter(({ reason }) => reason === 'VolumeRepaired');
    expect(repairs).toMatchObject([{ type: 'Warning', message: expect.stringContaining('"password" was removed') }]);
    expect(world.projector.get('v')).toMatchObject({ state: 'ready' });
  });
});

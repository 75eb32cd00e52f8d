import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { SLICE_MS } from '../../../src/base/steps.ts';
import { relativePath, secretDraft } from '../../support/objects/builders.ts';
import { inline, NEVER, ProjectionWorld } from '../../support/projection/projection-world.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

const OPTIONS = { createOnly: false, dryRun: false };

async function arrange(options: ConstructorParameters<typeof ProjectionWorld>[0] = {}): Promise<ProjectionWorld> {
  const world = new ProjectionWorld(options);
  await world.start();
  await world.apply('db', { password: 'one' });
  await world.publish();
  return world;
}

describe('a burst of requests', () => {
  it('leaves turns of the event loop to others', async () => {
    await using world = await arrange();
    // Each publish takes a slice.
    const bind = world.mounter.bind.bind(world.mounter);
    const mounting = vi.spyOn(world.mounter, 'bind').mockImplementation((...args) => {
      world.clock.advance(SLICE_MS);
      return bind(...args);
    });
    const publishes = Array.from({ length: 20 }, (_, n) =>
      world.publish({ volumeId: volumeId(`v${n}`), target: world.target(`t${n}`) }),
    );
    let isOver = false;
    const burst = Promise.all(publishes).finally(() => {
      isOver = true;
    });
    const mounted = [mounting.mock.calls.length];
    while (!isOver) {
      await turn();
      mounted.push(mounting.mock.calls.length);
    }
    await burst;
    expect(mounted.at(-1)).toBe(20);
    // Between two looks of the test there may be the end of one turn and the beginning of the next.
    for (const [index, sum] of mounted.entries()) expect(sum - (mounted[index - 1] ?? 0)).toBeLessThanOrEqual(2);
  });
});

describe('refreshing', () => {
  it('makes one write of many changes that come at once, and shows the last', async () => {
    await using world = await arrange();
    const generation = world.projector.get('v')?.generation;
    const sent = ['two', 'three', 'four'].map((password) =>
      world.store.apply(secretDraft('db', { password }), OPTIONS, NEVER),
    );
    await Promise.all(sent);
    await world.projector.settled();
    expect(world.files()).toEqual({ password: 'four' });
    const updates = world.events.filter(({ type }) => type === 'updated');
    expect(updates).toMatchObject([{ oldGeneration: generation, changedPaths: ['password'] }]);
  });

  it('sees a change that came while the publish was reading', async () => {
    await using world = new ProjectionWorld();
    await world.start();
    await world.apply('db', { password: 'one' });
    const publishing = world.publish();
    await world.store.apply(secretDraft('db', { password: 'two' }), OPTIONS, NEVER);
    await publishing;
    await world.projector.settled();
    expect(world.files()).toEqual({ password: 'two' });
  });

  it('goes on following the old objects after a republish that failed', async () => {
    await using world = await arrange();
    const missing = inline({ secret: { secretName: 'no-such' } });
    await expect(world.publish({ definition: missing })).rejects.toMatchObject({ code: 'failed-precondition' });
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ password: 'two' });
    await world.apply('no-such', { other: 'x' });
    expect(world.files()).toEqual({ password: 'two' });
  });

  it('does not stop following an object to read it again', async () => {
    await using world = await arrange();
    const follow = vi.spyOn(world.store, 'follow');
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ password: 'two' });
    expect(follow).not.toHaveBeenCalled();
  });

  it('follows the objects of a new definition, and no others', async () => {
    await using world = await arrange();
    await world.apply('next', { key: 'n1' });
    await world.publish({ definition: inline({ secret: { secretName: 'next' } }) });
    await world.apply('next', { key: 'n2' });
    const events = world.events.length;
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ key: 'n2' });
    expect(world.events.length).toBe(events);
  });

  it('says once that an object is gone, keeps the files, and tries again with back-off', async () => {
    await using world = await arrange();
    await world.delete('db');
    const failures = () => world.events.filter(({ type }) => type === 'failed').length;
    expect(failures()).toBe(1);
    expect(world.projector.get('v')?.state).toBe('stale');
    for (let turn = 0; turn < 3; turn++) {
      world.clock.advance(60_000);
      await world.projector.settled();
    }
    expect(failures()).toBe(1);
    expect(world.files()).toEqual({ password: 'one' });
    await world.apply('db', { password: 'back' });
    expect(world.projector.get('v')).toMatchObject({ state: 'ready', lastError: undefined });
    expect(world.files()).toEqual({ password: 'back' });
  });

  it('recovers by itself once a full pool has room', async () => {
    await using world = await arrange({ poolBytes: 256 * 1024 });
    await world.apply('db', { password: 'x'.repeat(300 * 1024) });
    expect(world.projector.get('v')?.state).toBe('stale');
    expect(world.files()).toEqual({ password: 'one' });
    await world.apply('db', { password: 'short' });
    expect(world.projector.get('v')?.state).toBe('ready');
  });

  it('tells who did not get an update', async () => {
    await using world = await arrange();
    await world.publish({ target: world.target('pinned'), subPath: relativePath('password') });
    await world.apply('db', { password: 'two' });
    const skipped = world.events.filter(({ type }) => type === 'update-skipped');
    expect(skipped).toMatchObject([{ target: world.target('pinned'), message: expect.stringContaining('subPath') }]);
  });
});

describe('restarting', () => {
  it('does not take absence in another store for deletion, and does once it has been seen there', async () => {
    await using world = new ProjectionWorld();
    await world.start();
    await world.apply('db', { password: 'one' });
    await world.publish({ definition: inline({ secret: { secretName: 'db', optional: true } }) });
    await world.restart();
    expect(world.files()).toEqual({ password: 'one' });
    expect(world.projector.get('v')).toMatchObject({
      state: 'stale',
      lastError: expect.stringContaining('not seen it yet'),
    });
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ password: 'two' });
    await world.delete('db');
    expect(world.files()).toEqual({});
  });

  it('keeps the request’s own data', async () => {
    await using world = new ProjectionWorld();
    await world.start();
    const inputs = { data: new Map([['key', Buffer.from('mine')]]), tokens: new Map() };
    const sources = [{ request: {} }, { secret: { name: 'db' } }];
    await world.apply('db', { password: 'one' });
    await world.publish({ definition: inline({ projected: { sources } }), inputs });
    await world.restart();
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ key: 'mine', password: 'two' });
  });
});

describe('unpublishing', () => {
  it('stops following, and a late change writes nothing', async () => {
    await using world = await arrange();
    await world.projector.unpublish({ volumeId: volumeId('v'), target: undefined }, NEVER);
    await world.apply('db', { password: 'two' });
    expect(world.projector.list()).toEqual([]);
    expect(world.mounter.table()).toEqual([]);
    expect(world.events.map(({ type }) => type)).toEqual(['mounted', 'unmounted']);
  });

  it('leaves other targets alone', async () => {
    await using world = await arrange();
    await world.publish({ target: world.target('other') });
    await world.projector.unpublish({ volumeId: volumeId('v'), target: world.target('t') }, NEVER);
    await world.apply('db', { password: 'two' });
    expect(world.projector.get('v')?.publications.map(({ target }) => target)).toEqual([world.target('other')]);
    expect(world.files()).toEqual({ password: 'two' });
  });
});

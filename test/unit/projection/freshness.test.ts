import { describe, expect, it, test, vi } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { KeyedLock } from '../../../src/base/keyed-lock.ts';
import { Slices } from '../../../src/base/steps.ts';
import { BoundVolume } from '../../../src/mount/bind/bound-volume.ts';
import { Freshness } from '../../../src/projection/freshness/freshness.ts';
import { BoundedSource, CachedSource, UnfollowedSource } from '../../../src/stores/change-detection.ts';
import { MemoryStore } from '../../../src/stores/kept/memory-store.ts';
import type { Source } from '../../../src/stores/store.ts';
import { secretDraft } from '../../support/objects/builders.ts';
import { inline, NEVER, ProjectionWorld } from '../../support/projection/projection-world.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

const PERIOD = 60_000;
/** The longest that a round can take to come. */
const ROUND = 1.1 * PERIOD;
const OPTIONS = { createOnly: false, dryRun: false };

const faces = {
  watch: (store: MemoryStore) => ({ source: store, background: store }),
  cache: (store: MemoryStore, clock: Clock) => {
    const cache = new CachedSource(store, { clock, ttlMs: 0.8 * PERIOD });
    return { source: cache.newest, background: cache };
  },
  get: (store: MemoryStore) => {
    const source = new UnfollowedSource(store);
    return { source, background: source };
  },
};

async function arrange(facesOf: (store: MemoryStore, clock: Clock) => { source: Source; background: Source }) {
  const world = new ProjectionWorld({ syncPeriodMs: PERIOD, facesOf });
  await world.start();
  await world.apply('db', { password: 'one' });
  await world.publish();
  return world;
}

async function round(world: ProjectionWorld): Promise<void> {
  world.clock.advance(ROUND);
  await world.projector.settled();
}

describe.each(['watch', 'cache', 'get'] as const)('strategy %s', (strategy) => {
  it('shows a change at once, or at the next round', async () => {
    await using world = await arrange(faces[strategy]);
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ password: strategy === 'watch' ? 'two' : 'one' });
    await round(world);
    expect(world.files()).toEqual({ password: 'two' });
    expect(world.events.filter(({ type }) => type === 'updated')).toHaveLength(1);
  });

  it.each(['refresh', 'publish'] as const)('shows a change at a %s', async (call) => {
    await using world = await arrange(faces[strategy]);
    await round(world);
    const changed = world.store.apply(secretDraft('db', { password: 'two' }), OPTIONS, NEVER);
    if (call === 'publish') await world.publish();
    else {
      const results = await world.projector.refresh(volumeId('v'), NEVER);
      expect(results).toMatchObject([{ volumeId: 'v', error: undefined }]);
      // The watch may have been faster.
      if (strategy !== 'watch') expect(results).toMatchObject([{ isChanged: true }]);
    }
    await changed;
    expect(world.files()).toEqual({ password: 'two' });
  });

  it('completes a waiting mount', async () => {
    await using world = await arrange(faces[strategy]);
    const definition = inline({ secret: { secretName: 'late' } });
    const request = { volumeId: volumeId('w'), target: world.target('w'), definition, waitForObjects: true };
    const before = world.timers;
    const waiting = world.publish(request);
    await vi.waitFor(() => expect(world.timers).toBeGreaterThan(before));
    await world.apply('late', { key: 'here' });
    world.clock.advance(250);
    await waiting;
    expect(world.files('w')).toEqual({ key: 'here' });
  });

  it('says how long a change took only where the store told of the change', async () => {
    await using world = await arrange(faces[strategy]);
    const hold = vi.spyOn(KeyedLock.prototype, 'run').mockImplementationOnce(async (...args) => {
      world.clock.advance(7);
      return await args[2]();
    });
    await world.apply('db', { password: 'two' });
    if (strategy !== 'watch') {
      hold.mockRestore();
      await round(world);
    }
    const took = world.events.flatMap((event) =>
      event.type === 'updated' ? [[event.cause, event.propagationMs]] : [],
    );
    expect(took).toEqual([strategy === 'watch' ? ['object', 7] : ['refresh', undefined]]);
    hold.mockRestore();
  });

  it('leaves an unchanged volume alone, round after round', async () => {
    await using world = await arrange(faces[strategy]);
    const events = world.events.length;
    const saves = (['write', 'saveRecord', 'saveInputs'] as const).map((name) => vi.spyOn(BoundVolume.prototype, name));
    for (let turn = 0; turn < 3; turn++) await round(world);
    const [write, ...others] = saves;
    expect(write?.mock.results.map(({ value }) => value.changed)).toEqual([false, false, false]);
    expect(others.flatMap(({ mock }) => mock.calls)).toEqual([]);
    for (const save of saves) save.mockRestore();
    expect(world.events.length).toBe(events);
  });

  it('says that an object is gone', async () => {
    await using world = await arrange(faces[strategy]);
    await world.delete('db');
    await round(world);
    expect(world.files()).toEqual({ password: 'one' });
    expect(world.projector.get('v')?.state).toBe('stale');
    await round(world);
    expect(world.events.filter(({ type }) => type === 'failed')).toHaveLength(1);
  });
});

describe('the sync period', () => {
  it('finds a change that no watch told of', async () => {
    await using world = await arrange((store) => {
      const deaf = { source: store, background: store };
      vi.spyOn(store, 'follow').mockReturnValue({ [Symbol.dispose]: () => {} });
      return deaf;
    });
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ password: 'one' });
    world.clock.advance(0.89 * PERIOD);
    await world.projector.settled();
    expect(world.files()).toEqual({ password: 'one' });
    world.clock.advance(0.22 * PERIOD);
    await world.projector.settled();
    expect(world.files()).toEqual({ password: 'two' });
  });

  it('ends with the daemon', async () => {
    const world = await arrange(faces.watch);
    await world[Symbol.asyncDispose]();
    expect(world.clock.pending).toBe(0);
  });
});

describe('a store that hangs', () => {
  it('holds no worker for ever, and its volumes keep their contents until it answers', async () => {
    await using world = await arrange((store, clock) => {
      const source = new BoundedSource(store, { clock });
      return { source, background: source };
    });
    for (let n = 0; n < 20; n++) await world.publish({ volumeId: volumeId(`v${n}`), target: world.target(`t${n}`) });
    await world.apply('other', { key: 'one' });
    const definition = inline({ secret: { secretName: 'other' } });
    await world.publish({ volumeId: volumeId('healthy'), target: world.target('healthy'), definition });

    const { get } = world.store;
    const hanging = vi.spyOn(world.store, 'get').mockImplementation((ref, signal) => {
      return ref.name === 'db' ? new Promise(() => {}) : get.call(world.store, ref, signal);
    });
    await world.store.apply(secretDraft('db', { password: 'two' }), OPTIONS, NEVER);
    await world.store.apply(secretDraft('other', { key: 'two' }), OPTIONS, NEVER);
    // Twenty-one reads hang, sixteen at a time.
    for (let deadline = 0; deadline < 2; deadline++) {
      await vi.waitFor(() => expect(hanging.mock.calls.length).toBeGreaterThan(deadline * 16));
      await new Promise((resolve) => setImmediate(resolve));
      world.clock.advance(30_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(world.files('healthy')).toEqual({ key: 'two' }));
    expect(world.files()).toEqual({ password: 'one' });
    expect(world.projector.get('v')?.state).toBe('stale');
    expect(world.projector.get('v')?.lastError).toContain('did not answer within 30 s');
    hanging.mockRestore();
    await round(world);
    await round(world);
    expect(world.files()).toEqual({ password: 'two' });
  });
});

describe('refresh', () => {
  it('answers for every volume, in order of id, also for those that fail', async () => {
    await using world = await arrange(faces.get);
    const definition = inline({ secret: { secretName: 'next' } });
    await world.apply('next', { key: 'n1' });
    await world.publish({ volumeId: volumeId('a'), target: world.target('a'), definition });
    await world.delete('db');
    await world.apply('next', { key: 'n2' });
    const fresh = { volumeId: 'a', isChanged: true, error: undefined };
    const stale = { volumeId: 'v', isChanged: false, error: expect.stringContaining('Secret default/db') };
    const refreshAfter = (name: string, limit: number) => world.projector.refreshAfter(name, limit, NEVER);
    expect(await refreshAfter('', 10)).toEqual({ results: [fresh, stale], last: 'v', remaining: 0 });
    expect(await refreshAfter('', 1)).toEqual({ results: [{ ...fresh, isChanged: false }], last: 'a', remaining: 1 });
    expect(await refreshAfter('a', 1)).toEqual({ results: [stale], last: 'v', remaining: 0 });
    expect(await refreshAfter('v', 1)).toEqual({ results: [], last: 'v', remaining: 0 });
    expect(await world.projector.refresh(volumeId('a'), NEVER)).toMatchObject([{ isChanged: false }]);
    await expect(world.projector.refresh(volumeId('b'), NEVER)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('waits its turn, and gives up its place when the call ends', async () => {
    await using world = await arrange(faces.get);
    let answer = () => {};
    const { get } = world.store;
    vi.spyOn(world.store, 'get').mockImplementationOnce(async (ref, signal) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return get.call(world.store, ref, signal);
    });
    const first = world.projector.refreshAfter('', 10, NEVER);
    const call = new AbortController();
    const second = world.projector.refreshAfter('', 10, call.signal);
    await new Promise((resolve) => setImmediate(resolve));
    call.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    answer();
    expect(await first).toMatchObject({ results: [{ volumeId: 'v', isChanged: false }] });
    expect(world.projector.get('v')?.state).toBe('ready');
  });

  it('says of a volume whose record is lost that it cannot be refreshed', async () => {
    await using world = await arrange(faces.watch);
    world.damageRecord('v');
    await world.restart({ keepStore: true });
    const [{ volumeId: name } = { volumeId: '' }] = world.projector.list();
    expect(name).toMatch(/^unknown:/);
    const said = [{ volumeId: name, isChanged: false, error: expect.stringContaining('mount it again') }];
    expect(await world.projector.refreshAfter('', 10, NEVER)).toMatchObject({ results: said });
    expect(await world.projector.refresh(name, NEVER)).toEqual(said);
  });
});

test('changes of several objects take turns: one volume does not wait for the hundreds of another object', async () => {
  const world = new ManualClock();
  const source = new MemoryStore({ clock: world, ready: true });
  await using freshness = new Freshness({ source, clock: world, slices: new Slices(world) });
  const order: string[] = [];
  const volume = (name: string) => ({
    keepFresh: async (take: () => unknown) => {
      if (take() !== undefined) order.push(name);
    },
  });
  const many = Array.from({ length: 300 }, (_, index) => volume(`of a ${index}`));
  for (const each of many) freshness.request(each, 0, 'Secret/default/a');
  for (const name of ['of b', 'of c']) freshness.request(volume(name), 0, name);
  const dropped = volume('dropped');
  freshness.request(dropped, 0, 'of d');
  freshness.forget(dropped);
  await freshness.idle();
  expect(order.slice(0, 4)).toEqual(['of a 0', 'of b', 'of c', 'of a 1']);
  expect(order.slice(4)).toEqual(many.slice(2).map((_, index) => `of a ${index + 2}`));
});

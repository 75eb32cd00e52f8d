import { readdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LanternError } from '../../../../src/base/errors.ts';
import { BoundVolume } from '../../../../src/mount/bind/bound-volume.ts';
import { EventLog, type VolumeEvent } from '../../../../src/projection/events/event-log.ts';
import { volumeDirectoryName } from '../../../../src/volume/layout.ts';

import { projectedVolumeDraft, secretDraft } from '../../../support/objects/builders.ts';
import { inline, NEVER, ProjectionWorld } from '../../../support/projection/projection-world.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { volumeId } from '../../../support/volume/volume-content.ts';

const ID = volumeId('v');
const OPTIONS = { createOnly: false, dryRun: false };
const next = inline({ secret: { secretName: 'next' } });
const noRoom = () => {
  throw new LanternError('resource-exhausted', 'no room');
};

async function arrange(): Promise<ProjectionWorld> {
  const world = new ProjectionWorld();
  await world.start();
  await world.apply('db', { password: 'one' });
  await world.apply('next', { key: 'n1' });
  return world;
}

describe('a request that fails half way', () => {
  it('leaves nothing of a first publish', async () => {
    await using world = await arrange();
    world.mounter.failNext('bind', constants.errno.EPERM);
    await expect(world.publish()).rejects.toThrow();
    expect(world.projector.list()).toEqual([]);
    expect(world.mounter.table()).toEqual([]);
    await world.apply('db', { password: 'two' });
    expect(world.events).toMatchObject([{ type: 'failed', reason: 'FailedMount' }]);
  });

  it('leaves a record of what a repeat found', async () => {
    await using world = await arrange();
    await world.publish();
    world.mounter.failNext('bind', constants.errno.EPERM);
    const definition = inline({ secret: { secretName: 'db', items: [{ key: 'password', path: 'renamed' }] } });
    await expect(world.publish({ definition, target: world.target('other') })).rejects.toThrow();
    await world.projector.settled();
    expect(world.files()).toEqual({ password: 'one' });
    await world.restart();
    expect(world.projector.get('v')?.definition).toEqual(inline({ secret: { secretName: 'db' } }));
    expect(world.projector.get('v')?.publications.map(({ target }) => target)).toEqual([world.target('t')]);
  });

  it('takes an update back whose record cannot be written', async () => {
    await using world = await arrange();
    await world.publish();
    const save = vi.spyOn(BoundVolume.prototype, 'saveRecord').mockImplementationOnce(noRoom);
    try {
      await expect(world.projector.update({ volumeId: ID, definition: next, data: undefined }, NEVER)).rejects.toThrow(
        'no room',
      );
    } finally {
      save.mockRestore();
    }
    await world.projector.settled();
    expect(world.files()).toEqual({ password: 'one' });
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ password: 'two' });
  });

  it('tells of a refresh whose record cannot be written, and writes the record later', async () => {
    await using world = await arrange();
    await world.publish({ definition: inline({ secret: { secretName: 'late', optional: true } }) });
    const save = vi.spyOn(BoundVolume.prototype, 'saveRecord').mockImplementationOnce(noRoom);
    try {
      await world.apply('late', { key: 'here' });
      expect(world.events.map(({ type }) => type)).toEqual(['mounted', 'updated', 'failed']);
      world.clock.advance(1_000);
      await world.projector.settled();
      expect(save).toHaveBeenCalledTimes(2);
    } finally {
      save.mockRestore();
    }
    expect(world.projector.get('v')?.state).toBe('ready');
  });

  it('unmounts the targets it can, and says which one it cannot', async () => {
    await using world = await arrange();
    await world.publish();
    await world.publish({ target: world.target('other') });
    world.mounter.failNext('unbind', constants.errno.EPERM);
    await expect(world.projector.unpublish({ volumeId: ID, target: undefined }, NEVER)).rejects.toThrow();
    expect(world.projector.get('v')?.publications.map(({ target }) => target)).toEqual([world.target('t')]);
    await world.projector.unpublish({ volumeId: ID, target: undefined }, NEVER);
    expect(world.projector.list()).toEqual([]);
    expect(world.mounter.table()).toEqual([]);
  });

  it('of an update leaves a stale volume waiting for what its own definition lacks', async () => {
    await using world = await arrange();
    await world.store.apply(projectedVolumeDraft('pv', { secret: { secretName: 'db' } }), OPTIONS, NEVER);
    await world.publish({ definition: { kind: 'named', projectedVolume: 'pv' } });
    await world.store.apply(projectedVolumeDraft('pv', { secret: { secretName: 'late' } }), OPTIONS, NEVER);
    await world.projector.settled();
    expect(world.projector.get('v')?.state).toBe('stale');
    const missing = { volumeId: ID, definition: inline({ secret: { secretName: 'no-such' } }), data: undefined };
    await expect(world.projector.update(missing, NEVER)).rejects.toMatchObject({ reason: 'MISSING_OBJECTS' });
    await world.projector.settled();
    await world.apply('late', { key: 'here' });
    expect(world.files()).toEqual({ key: 'here' });
  });
});

describe('refreshing', () => {
  it('is not tried again once it succeeded', async () => {
    await using world = await arrange();
    await world.publish();
    await world.delete('db');
    expect(world.timers).toBe(1);
    await world.apply('db', { password: 'one' });
    expect(world.timers).toBe(0);
  });

  it('goes on following what a volume needs, without a gap', async () => {
    await using world = await arrange();
    await world.store.apply(projectedVolumeDraft('pv', { secret: { secretName: 'db' } }), OPTIONS, NEVER);
    await world.publish({ definition: { kind: 'named', projectedVolume: 'pv' } });
    const follow = vi.spyOn(world.store, 'follow');
    await world.apply('db', { password: 'two' });
    await world.publish({ definition: { kind: 'named', projectedVolume: 'pv' } });
    expect(world.files()).toEqual({ password: 'two' });
    expect(follow).not.toHaveBeenCalled();
  });

  it('forgets no change that comes at the moment all workers run out of work', async () => {
    await using world = await arrange();
    for (let n = 0; n < 16; n++) await world.publish({ volumeId: volumeId(`v${n}`), target: world.target(`t${n}`) });
    await world.publish({ volumeId: volumeId('other'), target: world.target('other'), definition: next });
    for (let microtasks = 0; microtasks < 40; microtasks++) {
      const change = world.store.apply(secretDraft('db', { password: `${microtasks}` }), OPTIONS, NEVER);
      for (let n = 0; n < microtasks; n++) await undefined;
      await world.apply('next', { key: `${microtasks}` });
      await change;
      expect(world.files('other')).toEqual({ key: `${microtasks}` });
    }
  });
});

describe('requests that meet', () => {
  it('publishes by the second of two when the first fails', async () => {
    await using world = await arrange();
    world.mounter.failNext('bind', constants.errno.EPERM);
    const [first, second] = await Promise.allSettled([world.publish(), world.publish()]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ password: 'two' });
    expect(world.events.map(({ type }) => type)).toEqual(['failed', 'mounted', 'updated']);
  });

  it('leaves nothing when the last target goes while a refresh waits', async () => {
    await using world = await arrange();
    await world.publish();
    const going = world.projector.unpublish({ volumeId: ID, target: undefined }, NEVER);
    await world.apply('db', { password: 'two' });
    await going;
    await world.projector.settled();
    expect(world.projector.list()).toEqual([]);
    expect(world.mounter.table()).toEqual([]);
    expect(world.timers).toBe(0);
  });

  it('keeps a volume that was unmounted and mounted again while a refresh of all waited for its turn', async () => {
    await using world = await arrange();
    for (let microtasks = 0; microtasks < 30; microtasks++) {
      await world.publish();
      world.clock.advance(10_000);
      const refreshing = world.projector.refreshAfter('', 10, NEVER);
      for (let n = 0; n < microtasks; n++) await undefined;
      await world.projector.unpublish({ volumeId: ID, target: undefined }, NEVER);
      await world.publish();
      await refreshing;
      expect(world.projector.list()).toMatchObject([{ volumeId: 'v', publications: [{ target: world.target('t') }] }]);
    }
  });

  it('undoes a first publish aborted at any await, and leaves a repeat as it was', async () => {
    await using world = await arrange();
    for (let microtasks = 0; microtasks < 30; microtasks++) {
      for (const isRepeat of [false, true]) {
        if (isRepeat) await world.publish();
        const stop = new AbortController();
        const publishing = Promise.allSettled([
          world.projector.publish(world.request({ definition: next }), stop.signal),
        ]);
        for (let n = 0; n < microtasks; n++) await undefined;
        stop.abort();
        const [{ status }] = await publishing;
        await world.projector.settled();
        const password = { password: 'one' };
        if (status === 'fulfilled') expect(world.files()).toEqual({ key: 'n1' });
        else if (isRepeat) expect(world.files()).toEqual(password);
        else expect(world.mounter.table()).toEqual([]);
        await world.projector.unpublish({ volumeId: ID, target: undefined }, NEVER);
      }
    }
  });
});

describe('stopping', () => {
  it('does not follow again for a publish still under way', async () => {
    await using world = await arrange();
    let followed = 0;
    const follow = world.store.follow.bind(world.store);
    vi.spyOn(world.store, 'follow').mockImplementation((ref, listener) => {
      const following = follow(ref, listener);
      followed += 1;
      return {
        [Symbol.dispose]: () => {
          followed -= 1;
          following[Symbol.dispose]();
        },
      };
    });
    const publishing = world.publish();
    await world.projector[Symbol.asyncDispose]();
    await publishing;
    expect(followed).toBe(0);
  });

  it('leaves no timer of a wait that an arrival ended', async () => {
    await using world = new ProjectionWorld();
    await world.start();
    const publishing = world.publish({ waitForObjects: true });
    await vi.waitFor(() => expect(world.timers).toBe(1));
    await world.apply('db', { password: 'one' });
    await publishing;
    expect(world.files()).toEqual({ password: 'one' });
    expect(world.timers).toBe(0);
  });
});

describe('a volume whose record is lost', () => {
  async function degraded(): Promise<{ world: ProjectionWorld; name: string }> {
    const world = await arrange();
    await world.publish();
    await world.publish({ target: world.target('other') });
    const name = `unknown:${volumeDirectoryName('v')}`;
    const [bind] = world.mounter.actions.flatMap((action) => (action.type === 'bind' ? [action.source] : []));
    const home = dirname(bind ?? '');
    for (const file of readdirSync(home)) if (file.startsWith('record')) writeFileSync(join(home, file), '{');
    await world.restart();
    return { world, name };
  }

  it.each([
    ['its id', (_: string) => 'v'],
    ['the name it is listed under', (name: string) => name],
  ])('is found and unmounted by %s', async (_, choose) => {
    const { world, name } = await degraded();
    await using _end = world;
    const id = volumeId(choose(name));
    expect(world.projector.get(id)).toMatchObject({ volumeId: name, state: 'degraded' });
    await world.projector.unpublish({ volumeId: id, target: world.target('t') }, NEVER);
    expect(world.projector.get(id)?.publications.map(({ target }) => target)).toEqual([world.target('other')]);
    await world.projector.unpublish({ volumeId: id, target: undefined }, NEVER);
    expect(world.projector.list()).toEqual([]);
    expect(world.mounter.table()).toEqual([]);
  });

  it('keeps what a publish wrote whose mount then failed', async () => {
    const { world } = await degraded();
    await using _end = world;
    await world.apply('db', { password: 'two' });
    world.mounter.failNext('bind', constants.errno.EPERM);
    await expect(world.publish({ target: world.target('third') })).rejects.toThrow();
    await world.apply('db', { password: 'three' });
    expect(world.files()).toEqual({ password: 'three' });
    expect(world.projector.get('v')?.publications.length).toBe(2);
  });

  it('takes a repeat of what it was mounted with, at each target, also after another restart', async () => {
    const { world } = await degraded();
    await using _end = world;
    await world.apply('db', { password: 'two' });
    await world.publish({ accessMode: 'MULTI_NODE_READER_ONLY' });
    await world.restart();
    await world.apply('db', { password: 'three' });
    const other = { target: world.target('other'), accessMode: 'MULTI_NODE_READER_ONLY' } as const;
    await world.publish(other);
    expect(world.projector.get('v')?.publications).toContainEqual(expect.objectContaining(other));
    await expect(world.publish({ target: other.target })).rejects.toMatchObject({ code: 'already-exists' });
  });

  it('is whole again once published', async () => {
    const { world } = await degraded();
    await using _end = world;
    await world.apply('db', { password: 'two' });
    await world.publish();
    expect(world.projector.get('v')).toMatchObject({ state: 'ready', lastError: undefined });
    expect(world.files()).toEqual({ password: 'two' });
  });
});

describe('reading events', () => {
  const event: VolumeEvent = { volumeId: 'v', namespace: 'n', pod: undefined, time: 0, type: 'mounted', target: '/t' };

  it('ends for the emitter when the reader stops', async () => {
    const events = new EventLog({ clock: new ManualClock() });
    const stop = new AbortController();
    const remove = vi.spyOn(stop.signal, 'removeEventListener');
    for await (const _ of events.watchVolumes(undefined, [event], stop.signal)) break;
    expect(remove).toHaveBeenCalledTimes(2);
  });

  it('gives nothing more after the abort, not even what is queued', async () => {
    const stop = new AbortController();
    const seen: VolumeEvent[] = [];
    const events = new EventLog({ clock: new ManualClock() });
    for await (const read of events.watchVolumes(undefined, [event, event], stop.signal)) {
      seen.push(read);
      stop.abort();
    }
    expect(seen).toEqual([event]);
  });
});

import { expect, it } from 'vitest';
import type { Staleness } from '../../../src/stores/store.ts';
import { podFacts } from '../../support/objects/builders.ts';
import { inline, ProjectionWorld } from '../../support/projection/projection-world.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

/** A source that is in touch or not, as the test says. */
class Touch implements Staleness {
  staleSince: number | undefined;
  watchRestarts = 0;
  problem: string | undefined;
  readonly listeners = new Set<() => void>();

  onTouch(listener: () => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }

  set(staleSince: number | undefined, problem?: string): void {
    this.staleSince = staleSince;
    this.problem = problem;
    for (const listener of this.listeners) listener();
  }
}

const OBJECTLESS = inline({ downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } });

async function arrange(): Promise<{ world: ProjectionWorld; touch: Touch }> {
  const touch = new Touch();
  const world = new ProjectionWorld({ facesOf: (store) => ({ source: store, background: store, staleness: touch }) });
  await world.start();
  await world.apply('db', { password: 'one' });
  await world.publish();
  await world.publish({
    ...{ volumeId: volumeId('objectless'), target: world.target('objectless'), definition: OBJECTLESS },
    pod: podFacts(),
  });
  return { world, touch };
}

const warningsOf = (world: ProjectionWorld) =>
  world.events.flatMap((event) =>
    event.type === 'warning' ? [`${event.volumeId} ${event.reason}: ${event.message}`] : [],
  );

it('a volume with objects stays ready and says since when they may be old; a short time is no event', async () => {
  const { world, touch } = await arrange();
  await using _ = world;
  const since = world.clock.now();
  touch.set(since, 'etcd did not answer in time');
  expect(world.projector.get('v')).toMatchObject({ state: 'ready', lastError: undefined, staleSince: since });
  expect(world.projector.get('objectless')).toMatchObject({ state: 'ready', staleSince: undefined });
  world.clock.advance(4_900);
  touch.set(undefined);
  world.clock.advance(60_000);
  expect(world.projector.get('v')).toMatchObject({ staleSince: undefined });
  await Promise.resolve();
  expect(warningsOf(world)).toEqual([]);

  const again = world.clock.now();
  touch.set(again, 'etcd did not answer in time');
  world.clock.advance(5_000);
  world.clock.advance(60_000);
  await expect
    .poll(() => warningsOf(world))
    .toEqual([
      `v SourceStale: the contents stay as they are since ${new Date(again).toISOString()}: etcd did not answer in time`,
    ]);
  touch.set(undefined);
  await expect
    .poll(() => world.events.filter(({ type }) => type === 'recovered'))
    .toMatchObject([
      { volumeId: 'v', message: expect.stringContaining(`out of touch since ${new Date(again).toISOString()}`) },
    ]);
});

it('a projector that has ended does not listen any more', async () => {
  const { world, touch } = await arrange();
  await world[Symbol.asyncDispose]();
  expect(touch.listeners.size).toBe(0);
});

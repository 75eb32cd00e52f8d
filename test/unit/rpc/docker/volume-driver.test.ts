import { renameSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LanternError } from '../../../../src/base/errors.ts';
import { silentLog } from '../../../../src/base/log.ts';
import { EventLog } from '../../../../src/projection/events/event-log.ts';
import type { PublishRequest, VolumeStatus } from '../../../../src/projection/projector.ts';
import { engineProcess } from '../../../../src/rpc/docker/engine-process.ts';
import { KeptVolumes } from '../../../../src/rpc/docker/kept-volumes.ts';
import { VolumeDriver } from '../../../../src/rpc/docker/volume-driver.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { rejectionOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const RUNNING = engineProcess(process.pid);
const ENDED = RUNNING.replace(/ .*/, ' 0 0');
const OPTIONS = new Map([['secretName', 'db']]);
const { signal } = new AbortController();
const MINUTE = 60_000;

/** What the daemon would have mounted, and what containers would show. */
class World implements AsyncDisposable {
  readonly directory = new TempDir();
  readonly clock = new ManualClock();
  readonly events = new EventLog({ clock: this.clock });
  /** Mountpoints, by volume id. */
  readonly published = new Map<string, string>();
  /** Mountpoints that a container shows. */
  readonly shown = new Set<string>();
  problem: LanternError | undefined;
  looks = 0;
  driver!: VolumeDriver;
  #kept: KeptVolumes | undefined;

  static async start(): Promise<World> {
    const world = new World();
    await world.restart();
    return world;
  }

  /** As after SIGKILL. Mounts stay. */
  async restart(): Promise<void> {
    this.#kept?.[Symbol.dispose]();
    this.#kept = await KeptVolumes.open(this.directory.at('state'), silentLog);
    const statusOf = (volumeId: string) => {
      const target = this.published.get(volumeId);
      return target && ({ volumeId, publications: [{ target }], namespace: 'default' } as unknown as VolumeStatus);
    };
    this.driver = new VolumeDriver({
      ...{ kept: this.#kept, directory: '/run/docker', namespaces: [], syncPeriodMs: MINUTE },
      ...{ events: this.events, clock: this.clock, log: silentLog },
      publish: async ({ volumeId, target }: PublishRequest) => {
        if (this.problem !== undefined) throw this.problem;
        this.published.set(volumeId, target);
        return { status: statusOf(volumeId) as VolumeStatus };
      },
      projector: {
        isReady: true,
        unpublish: async ({ volumeId }) => void this.published.delete(volumeId),
        get: (volumeId) => statusOf(volumeId) || undefined,
        listAfter: (after) => [...this.published.keys()].filter((id) => id > after).flatMap((id) => statusOf(id) || []),
      },
      readMountTables: async () => {
        this.looks += 1;
        return { isElsewhere: (path) => this.shown.has(path) };
      },
    });
  }

  async created(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.driver.create(name, OPTIONS, signal);
  }

  uses(name: string): readonly string[] {
    return [...this.driver.get(name).uses.keys()];
  }

  reasons(): readonly string[] {
    return this.events.list({}).map(({ reason }) => reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver[Symbol.asyncDispose]();
    this.#kept?.[Symbol.dispose]();
    this.directory[Symbol.dispose]();
  }
}

let world: World;

beforeEach(async () => {
  world = await World.start();
  await world.created('db');
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe('a use that nobody unmounted', () => {
  test.each<[string, string, number, boolean, number | undefined]>([
    ['of an engine that has ended ends at the second look', ENDED, 0, false, 2],
    ['that a container shows stays', ENDED, 0, true, undefined],
    ['of a running engine stays for ten minutes', RUNNING, 9 * MINUTE, false, undefined],
    ['of a running engine that has no container after ten minutes ends', RUNNING, 10 * MINUTE, false, 2],
    ['of a running engine that a container shows stays', RUNNING, 24 * 60 * MINUTE, true, undefined],
    ['of an engine in another pid namespace stays as if it ran', engineProcess(0), 9 * MINUTE, false, undefined],
  ])('%s', async (_name, engine, age, isShown, endsAt) => {
    const target = await world.driver.mount('db', 'a', engine, signal);
    if (isShown) world.shown.add(target);
    world.clock.advance(age);
    let ended: number | undefined;
    for (const look of [1, 2, 3]) {
      await world.driver.look();
      if (ended === undefined && world.uses('db').length === 0) ended = look;
    }
    expect(ended).toBe(endsAt);
    expect(world.published.size).toBe(endsAt === undefined ? 1 : 0);
    expect(world.reasons()).toEqual(endsAt === undefined ? [] : ['ForgottenByEngine']);
  });

  test('stays when the volume is mounted again between two looks', async () => {
    await world.driver.mount('db', 'a', ENDED, signal);
    await world.driver.look();
    await world.driver.mount('db', 'b', ENDED, signal);
    await world.driver.look();
    expect(world.uses('db')).toEqual(['a', 'b']);
    await world.driver.look();
    expect(world.uses('db')).toEqual([]);
  });

  test('keeps nobody from removing the volume', async () => {
    const target = await world.driver.mount('db', 'a', ENDED, signal);
    world.shown.add(target);
    expect(await rejectionOf(world.driver.remove('db', signal))).toMatchObject({ code: 'failed-precondition' });
    world.shown.clear();
    await world.driver.remove('db', signal);
    expect(world.published.size).toBe(0);
    expect(world.driver.list()).toEqual([]);
  });

  test('is not looked for at every look while its container runs', async () => {
    world.shown.add(await world.driver.mount('db', 'a', RUNNING, signal));
    for (let minute = 0; minute < 60; minute += 1) {
      world.clock.advance(MINUTE);
      await world.driver.look();
    }
    expect(world.looks).toBe(6);
  });
});

describe('after a crash of the daemon', () => {
  test('uses are known, and the last unmount ends the publication', async () => {
    await world.driver.mount('db', 'a', RUNNING, signal);
    await world.driver.mount('db', 'b', RUNNING, signal);
    await world.restart();
    expect(world.uses('db')).toEqual(['a', 'b']);
    await world.driver.unmount('db', 'a', signal);
    expect(world.published.size).toBe(1);
    await world.driver.unmount('db', 'b', signal);
    expect(world.published.size).toBe(0);
  });

  test('a publication that is gone is made again while an engine counts on it', async () => {
    await world.driver.mount('db', 'a', RUNNING, signal);
    world.published.clear();
    await world.restart();
    await world.driver.look();
    expect(world.published).toEqual(new Map([['docker-db', '/run/docker/db']]));
  });

  test.each([
    ['whose state is lost', 'docker-lost'],
    ['that nobody uses', 'docker-db'],
  ])('a publication %s ends, unless a container shows it', async (_name, volumeId) => {
    const target = `/run/docker/${volumeId.slice('docker-'.length)}`;
    world.published.set(volumeId, target).set('docker-file', '/elsewhere');
    world.shown.add(target);
    for (const _ of [1, 2, 3]) await world.driver.look();
    expect([...world.published.keys()]).toEqual([volumeId, 'docker-file']);
    world.shown.clear();
    for (const _ of [1, 2]) await world.driver.look();
    expect([...world.published.keys()]).toEqual(['docker-file']);
  });
});

describe('a mount', () => {
  test('that fails is no use, says why, and disturbs no other use', async () => {
    world.problem = new LanternError('failed-precondition', 'Secret default/db does not exist');
    expect(await rejectionOf(world.driver.mount('db', 'a', RUNNING, signal))).toMatchObject({
      code: 'failed-precondition',
      message: 'mount volume "db": Secret default/db does not exist',
    });
    expect(world.driver.get('db')).toMatchObject({
      uses: new Map(),
      problem: 'mount volume "db": Secret default/db does not exist',
    });
    world.problem = undefined;
    await world.driver.mount('db', 'a', RUNNING, signal);
    expect(world.driver.get('db').problem).toBeUndefined();
    world.problem = new LanternError('unavailable', 'the store is away');
    await rejectionOf(world.driver.mount('db', 'b', RUNNING, signal));
    expect(world.uses('db')).toEqual(['a']);
    expect(world.published.size).toBe(1);
  });

  test('whose caller has left is no use', async () => {
    const controller = new AbortController();
    const { published } = world;
    published.set = (id, target) => {
      controller.abort(new LanternError('cancelled', 'gone'));
      return Map.prototype.set.call(published, id, target);
    };
    await rejectionOf(world.driver.mount('db', 'a', RUNNING, controller.signal));
    expect(world.uses('db')).toEqual([]);
    expect(published.size).toBe(0);
  });

  test('without its record is none', async () => {
    world.directory[Symbol.dispose]();
    expect(await rejectionOf(world.driver.mount('db', 'a', RUNNING, signal))).toMatchObject({ code: 'not-found' });
    expect(world.published.size).toBe(0);
    expect(world.uses('db')).toEqual([]);
  });

  test('a volume has at most 1,000 uses', async () => {
    const uses = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, at) => [`use-${at}`, { engine: ENDED, since: 0 }]),
    );
    const file = { options: { secretName: 'db' }, createdAt: 0, uses };
    writeFileSync(world.directory.at('state/db.json'), JSON.stringify(file));
    await world.restart();
    expect(await rejectionOf(world.driver.mount('db', 'a', RUNNING, signal))).toMatchObject({
      code: 'resource-exhausted',
    });
    await world.driver.mount('db', 'use-7', RUNNING, signal);
  });
});

test('an unmount is done although its state cannot be saved, which is tried again', async () => {
  await world.driver.mount('db', 'a', RUNNING, signal);
  const state = world.directory.at('state');
  renameSync(state, `${state}-away`);
  await world.driver.unmount('db', 'a', signal);
  expect(world.published.size).toBe(0);
  renameSync(`${state}-away`, state);
  await world.driver.look();
  await world.restart();
  expect(world.uses('db')).toEqual([]);
});

test('whatever is called, a volume is published exactly while it is used', async () => {
  const name = fc.constantFrom('v1', 'v2');
  const id = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ call: fc.constantFrom('create', 'remove', 'restart', 'look'), name, id }),
    fc.record({ call: fc.constantFrom('mount', 'mount', 'unmount', 'fail'), name, id }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await using own = await World.start();
      const model = new Map<string, Set<string>>();
      const failing = new LanternError('failed-precondition', 'no');
      for (const { call, name, id } of steps) {
        const uses = model.get(name);
        const { driver } = own;
        if (call === 'create') {
          await driver.create(name, OPTIONS, signal);
          if (uses === undefined) model.set(name, new Set());
        } else if (call === 'remove') {
          const removed = driver.remove(name, signal);
          if (uses?.size) await rejectionOf(removed);
          else {
            await removed;
            model.delete(name);
          }
        } else if (call === 'mount') {
          const mounted = driver.mount(name, id, RUNNING, signal);
          if (uses === undefined) await rejectionOf(mounted);
          else {
            await mounted;
            uses.add(id);
          }
        } else if (call === 'fail') {
          own.problem = failing;
          await rejectionOf(driver.mount(name, id, RUNNING, signal));
          own.problem = undefined;
        } else if (call === 'unmount') {
          await driver.unmount(name, id, signal);
          uses?.delete(id);
        } else if (call === 'restart') await own.restart();
        else await driver.look();
        const expected = [...model].filter(([, used]) => used.size > 0).map(([used]) => `docker-${used}`);
        expect([...own.published.keys()].sort()).toEqual(expected.sort());
        expect(own.driver.list().map((volume) => volume.name)).toEqual([...model.keys()].sort());
        for (const [used, ids] of model) expect([...own.uses(used)].sort()).toEqual([...ids].sort());
      }
    }),
    { numRuns: 60 },
  );
});

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IDLE_MS, MAX_IDLE, type Pool, Pools } from '../../../../src/mount/bind/pools.ts';
import { RecordingMounter } from '../../../support/mount/recording-mounter.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const POOL_BYTES = 1024;

/** Pools that hold one volume each, on a mount table in memory. */
class World implements Disposable {
  readonly clock = new ManualClock();
  readonly mounter = new RecordingMounter();
  readonly pools: Pools;
  readonly #dir = new TempDir();

  constructor({ most = 100, isKept = true } = {}) {
    const { mounter, clock } = this;
    const sizes = { poolBytes: POOL_BYTES, totalBytes: most * POOL_BYTES };
    this.pools = new Pools({ mounter, directory: this.#dir.path, ...sizes, idleClock: isKept ? clock : undefined });
  }

  arrive(domain: string): Pool {
    const pool = this.pools.join(domain, 'volume');
    mkdirSync(join(pool.directory, 'volume'));
    return pool;
  }

  depart(pool: Pool): void {
    rmSync(join(pool.directory, 'volume'), { recursive: true });
    this.pools.leave(pool, 'volume');
  }

  /** A volume comes into the domain and goes again. */
  visit(domain: string): string {
    const pool = this.arrive(domain);
    this.depart(pool);
    return basename(pool.directory);
  }

  /** The pools' names. Each has its directory, its mount and its part of the total, or none of them. */
  get standing(): readonly string[] {
    const names = readdirSync(this.#dir.path).sort();
    expect(
      this.mounter
        .table()
        .map(({ mountPoint }) => basename(mountPoint))
        .sort(),
    ).toEqual(names);
    expect(this.pools.totals().sizeBytes).toBe(names.length * POOL_BYTES);
    return names;
  }

  get mountsMade(): number {
    return this.mounter.actions.filter(({ type }) => type === 'mount-pool').length;
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}

describe('an empty pool', () => {
  test('waits for the next volume of its domain, and then its time begins anew', () => {
    using world = new World();
    for (let round = 0; round < 10; round++) {
      world.visit('one');
      world.clock.advance(IDLE_MS - 1);
    }
    expect([world.mountsMade, world.standing.length]).toEqual([1, 1]);
    world.clock.advance(1);
    expect([world.standing, world.clock.pending]).toEqual([[], 0]);
  });

  test('does not wait any more once it is used', () => {
    using world = new World();
    world.visit('one');
    const pool = world.arrive('one');
    world.clock.advance(2 * IDLE_MS);
    expect(world.standing).toEqual([basename(pool.directory)]);
    world.depart(pool);
    world.clock.advance(IDLE_MS);
    expect(world.standing).toEqual([]);
  });

  test('goes with its last volume where none is kept', () => {
    using world = new World({ isKept: false });
    world.visit('one');
    expect([world.standing, world.clock.pending]).toEqual([[], 0]);
  });

  test('that could not be emptied goes with its last volume, and takes what is left along', () => {
    using world = new World();
    const pool = world.arrive('one');
    // As the recorded pool is a plain directory, what is left keeps it from being removed.
    expect(lanternErrorOf(() => world.pools.leave(pool, 'volume')).message).toContain(pool.directory);
    expect([world.mounter.table(), world.clock.pending]).toEqual([[], 0]);
  });

  test('gives way when another domain needs the room, the one that waits longest first', () => {
    using world = new World({ most: 3 });
    const names = ['one', 'two', 'three'].map((domain) => world.visit(domain));
    world.visit('one');
    const fourth = basename(world.arrive('four').directory);
    expect(world.standing).toEqual([names[0], names[2], fourth].sort());
    for (const domain of ['five', 'six']) world.arrive(domain);
    expect(lanternErrorOf(() => world.arrive('seven')).code).toBe('resource-exhausted');
    expect(world.standing).toHaveLength(3);
  });

  test('is one of a few', () => {
    using world = new World();
    const names = Array.from({ length: MAX_IDLE + 3 }, (_, index) => world.visit(`domain-${index}`));
    expect(world.standing).toEqual(names.slice(3).sort());
    expect(world.clock.pending).toBe(MAX_IDLE);
  });

  test('goes when the daemon does, and those with volumes stay', () => {
    using world = new World();
    const used = world.arrive('used');
    for (const domain of ['one', 'two']) world.visit(domain);
    world.pools[Symbol.dispose]();
    expect([world.standing, world.clock.pending]).toEqual([[basename(used.directory)], 0]);
  });

  test('that somebody else unmounts is made anew', () => {
    using world = new World();
    const pool = world.arrive('one');
    world.depart(pool);
    world.mounter.unmount(pool.directory);
    expect(world.arrive('one').device).not.toBe(pool.device);
    expect(world.mountsMade).toBe(2);
    world.clock.advance(IDLE_MS);
    expect(world.standing).toHaveLength(1);
  });

  test('that cannot be taken away serves its domain, and goes another time', () => {
    using world = new World();
    world.visit('one');
    world.mounter.failNext('unmount', constants.errno.EBUSY);
    world.clock.advance(IDLE_MS);
    expect(world.standing).toHaveLength(1);
    world.visit('one');
    world.clock.advance(IDLE_MS);
    expect([world.mountsMade, world.standing]).toEqual([1, []]);
  });
});

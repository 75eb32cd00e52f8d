import { describe, expect, test } from 'vitest';
import { Slices, type Steps } from '../../../src/base/steps.ts';
import type { VolumeFs } from '../../../src/volume/file-system.ts';
import { isGenerationName } from '../../../src/volume/layout.ts';
import { createMemoryFileSystem } from '../../../src/volume/memory-file-system.ts';
import { noForeignBinds, RetiredRoom, RetirementQueue } from '../../../src/volume/retirement.ts';
import { VolumeWriter } from '../../../src/volume/volume-writer.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { eachCall } from '../../support/volume/each-call.ts';
import { payloadOf, viewOf, viewThroughData } from '../../support/volume/volume-content.ts';

const KIB = 1024;
/** Longer than a replaced generation is kept. */
const RETIREMENT_MS = 10_000;

const many = (count: number, text: string) =>
  payloadOf(Object.fromEntries(Array.from({ length: count }, (_, index) => [`d/f${index}`, text])));

/** Volumes in memory, on which every call to the file system takes a millisecond. */
function arrange() {
  const clock = new ManualClock();
  let calls = 0;
  const fs = eachCall(createMemoryFileSystem(), (_name, call) => {
    calls += 1;
    clock.advance(1);
    return call();
  });
  const slices = new Slices(clock);
  const queue = new RetirementQueue({ clock, binds: noForeignBinds(slices) });
  const writer = (directory: string, room = new RetiredRoom()) => {
    fs.mkdir(directory, 0o755);
    return new VolumeWriter({ fs, directory, clock, queue, room });
  };
  return { clock, fs, slices, writer, calls: () => calls };
}

const generations = (fs: VolumeFs, directory: string) =>
  fs.readdir(directory).flatMap(({ name }) => (isGenerationName(name) ? [name] : []));

/** The most calls that one turn of the event loop had to wait for. */
async function mostPerTurn(calls: () => number, running: unknown): Promise<number> {
  let [most, isOver] = [0, false];
  const end = Promise.resolve(running).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const before = calls();
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, calls() - before);
  }
  await end;
  return most;
}

describe('a large generation', () => {
  test('is written and retired in slices, and shown by one swap', async () => {
    const { clock, fs, slices, writer, calls } = arrange();
    using volume = writer('/v');
    volume.write(many(200, 'old'));
    volume.retireNow();
    const before = viewThroughData(fs, '/v');
    const running = slices.run(volume.writing(many(200, 'new')));
    expect(running).toBeInstanceOf(Promise);
    expect(viewThroughData(fs, '/v')).toEqual(before);
    expect(await mostPerTurn(calls, running)).toBeLessThan(30);
    expect(viewThroughData(fs, '/v')).toEqual(viewOf(many(200, 'new'), fs.owner));
    expect(generations(fs, '/v')).toHaveLength(2);
    const atOnce = calls();
    clock.advance(RETIREMENT_MS);
    expect(calls() - atOnce).toBeLessThan(30);
    while (generations(fs, '/v').length > 1) await new Promise((resolve) => setImmediate(resolve));
    expect(calls() - atOnce).toBeGreaterThan(200);
    expect(viewThroughData(fs, '/v')).toEqual(viewOf(many(200, 'new'), fs.owner));
  });

  test('that is being retired in slices is finished at once when its room is needed', () => {
    const { clock, fs, writer } = arrange();
    using volume = writer('/v');
    volume.write(many(200, 'old'));
    volume.write(many(1, 'new'));
    clock.advance(RETIREMENT_MS);
    expect(generations(fs, '/v')).toHaveLength(2);
    expect(volume.retireNow()).toBe(true);
    expect(generations(fs, '/v')).toHaveLength(1);
  });

  test('whose writer is disposed half-way touches nothing more, and the next writer sweeps it', async () => {
    const { clock, fs, slices, writer, calls } = arrange();
    const first = writer('/v');
    first.write(many(1, 'old'));
    const running = Promise.resolve(slices.run(first.writing(many(200, 'new'))));
    const failure = expect(running).rejects.toMatchObject({ code: 'unavailable' });
    first[Symbol.dispose]();
    const atOnce = calls();
    await failure;
    expect(calls()).toBe(atOnce);
    expect(generations(fs, '/v')).toHaveLength(2);
    using second = new VolumeWriter({ fs, directory: '/v', clock });
    second.write(many(1, 'newer'));
    second.retireNow();
    expect(generations(fs, '/v')).toEqual([second.generation]);
  });
});

describe('the room of replaced generations', () => {
  test('hundreds of swaps a second leave no more than it has, and the last one stays', () => {
    const { fs, writer } = arrange();
    // A generation of one small file: a block, and two entries of 1 KiB.
    using volume = writer('/v', new RetiredRoom(10 * 6 * KIB, 0));
    for (let turn = 0; turn < 300; turn++) volume.write(payloadOf({ key: `${turn}` }));
    // Those ten, and the current one.
    expect(generations(fs, '/v')).toHaveLength(11);
    const previous = volume.generation;
    volume.write(many(100, 'large'));
    volume.write(payloadOf({ key: 'small' }));
    expect(generations(fs, '/v')).toHaveLength(2);
    expect(generations(fs, '/v')).not.toContain(previous);
  });

  test('what it needs does not give way to others, whatever they have to do', async () => {
    const { fs, clock, slices, writer } = arrange();
    using volume = writer('/v', new RetiredRoom(10 * 6 * KIB, 0));
    let isOver = false;
    const endless = function* (): Steps<void> {
      for (; !isOver; clock.advance(1)) yield;
    };
    const others = [1, 2, 3].map(() => slices.run(endless()));
    for (let turn = 0; turn < 50; turn++) {
      await slices.run(volume.writing(payloadOf({ key: `${turn}` })));
      // The removal takes a few slices of its own.
      expect(generations(fs, '/v').length).toBeLessThan(20);
    }
    isOver = true;
    await Promise.all(others);
  });

  test('none goes before readers of it had half a second, however fast the swaps are', () => {
    const { fs, clock, writer } = arrange();
    using volume = writer('/v', new RetiredRoom(0));
    const replacedAt = new Map<string, number>();
    for (let turn = 0; turn < 300; turn++) {
      const before = volume.generation;
      volume.write(payloadOf({ key: `${turn}` }));
      if (before !== undefined) replacedAt.set(before, clock.monotonic());
      const there = new Set(generations(fs, '/v'));
      const gone = [...replacedAt].filter(([name]) => !there.has(name));
      for (const [name, time] of gone) {
        expect(clock.monotonic() - time).toBeGreaterThan(400);
        replacedAt.delete(name);
      }
    }
    expect(generations(fs, '/v').length).toBeLessThan(100);
  });

  test('is shared by the volumes of a pool, each of which keeps the last one', () => {
    const { fs, writer } = arrange();
    const room = new RetiredRoom(4 * 6 * KIB, 0);
    const volumes = ['/a', '/b', '/c'].map((directory) => writer(directory, room));
    for (let turn = 0; turn < 30; turn++) for (const volume of volumes) volume.write(payloadOf({ key: `${turn}` }));
    const counts = ['/a', '/b', '/c'].map((directory) => generations(fs, directory).length - 1);
    expect(counts.reduce((sum, count) => sum + count)).toBe(4);
    expect(Math.min(...counts)).toBe(1);
    for (const volume of volumes) volume[Symbol.dispose]();
  });

  test('does not count what is pinned, which goes with its last pin', () => {
    const { fs, clock, writer } = arrange();
    using volume = writer('/v', new RetiredRoom(0, 0));
    volume.write(payloadOf({ key: 'pinned' }));
    const pinned = volume.generation ?? '';
    volume.pin(pinned);
    for (let turn = 0; turn < 5; turn++) volume.write(payloadOf({ key: `${turn}` }));
    expect(generations(fs, '/v')).toHaveLength(3);
    expect(generations(fs, '/v')).toContain(pinned);
    volume.unpin(pinned);
    clock.advance(RETIREMENT_MS);
    expect(generations(fs, '/v')).toEqual([volume.generation]);
  });
});

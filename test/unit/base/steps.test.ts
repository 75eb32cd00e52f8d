import { describe, expect, test } from 'vitest';
import { finish, guarded, PATIENCE_MS, SLICE_MS, Slices, type Steps } from '../../../src/base/steps.ts';
import { ManualClock } from '../../support/suite/clocks.ts';

/** Work of so many steps, each of which takes a millisecond. */
function* work(clock: ManualClock, steps: number, done: number[] = []): Steps<string> {
  for (let step = 0; step < steps; step++) {
    clock.advance(1);
    done.push(step);
    yield;
  }
  return 'done';
}

/** How many steps were done at each turn of the event loop, until the work was. */
async function turnsOf(done: readonly number[], running: unknown): Promise<number[]> {
  const turns = [done.length];
  let isOver = false;
  const end = Promise.resolve(running).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const before = done.length;
    await new Promise((resolve) => setImmediate(resolve));
    turns.push(done.length - before);
  }
  await end;
  return turns;
}

describe('work in slices', () => {
  test('what fits into one is done at once, without a promise', () => {
    const clock = new ManualClock();
    expect(new Slices(clock).run(work(clock, SLICE_MS - 1))).toBe('done');
  });

  test('what is left goes on at the next turns, and holds none of them longer than a slice', async () => {
    const clock = new ManualClock();
    const done: number[] = [];
    const running = new Slices(clock).run(work(clock, 23, done));
    const turns = await turnsOf(done, running);
    expect(await running).toBe('done');
    expect(turns.reduce((sum, steps) => sum + steps, 0)).toBe(23);
    expect(Math.max(...turns)).toBe(SLICE_MS);
  });

  test('several share the slice of a turn', async () => {
    const clock = new ManualClock();
    const slices = new Slices(clock);
    const done: number[] = [];
    const running = [1, 2, 3].map(() => slices.run(work(clock, 20, done)));
    const [, ...turns] = await turnsOf(done, Promise.all(running));
    expect(done.length).toBe(60);
    // Between two looks of the test there may be the end of one turn and the beginning of the next.
    expect(Math.max(...turns)).toBeLessThanOrEqual(2 * SLICE_MS);
  });

  test('what nobody waits for begins at once if nobody else waits, otherwise after them', async () => {
    const clock = new ManualClock();
    const slices = new Slices(clock);
    expect(slices.runLast(work(clock, 1))).toBe('done');
    const ends: string[] = [];
    const others = [1, 2, 3].map(async (nth) => ends.push(`${await slices.run(work(clock, 20))} ${nth}`));
    const last = Promise.resolve(slices.runLast(work(clock, 1))).then((end) => ends.push(`${end} last`));
    await Promise.all([...others, last]);
    expect(ends.at(-1)).toBe('done last');
    expect(ends).toHaveLength(4);
  });

  // Each step of the others takes a millisecond; a slice may be under way.
  test.each([
    ['in time', Number.POSITIVE_INFINITY, PATIENCE_MS / 2, PATIENCE_MS + 10 * SLICE_MS],
    ['as soon as it is urgent', 100, 100, 100 + 10 * SLICE_MS],
  ])('what nobody waits for begins %s, however much the others have to do', async (_, urgentAfter, least, most) => {
    const clock = new ManualClock();
    const slices = new Slices(clock);
    const done: number[] = [];
    let isOver = false;
    const endless = function* (): Steps<void> {
      while (!isOver) yield* work(clock, 1, done);
    };
    const others = [1, 2].map(() => slices.run(endless()));
    await slices.runLast(work(clock, 1), () => done.length >= urgentAfter);
    isOver = true;
    await Promise.all(others);
    expect(done.length).toBeGreaterThanOrEqual(least);
    expect(done.length).toBeLessThan(most);
  });

  test('a failure comes as it is, thrown at once or rejected later', async () => {
    const clock = new ManualClock();
    const failing = function* (steps: number): Steps<never> {
      yield* work(clock, steps);
      throw new Error('torn');
    };
    expect(() => new Slices(clock).run(failing(1))).toThrow('torn');
    await expect(new Slices(clock).run(failing(12))).rejects.toThrow('torn');
  });

  test('a guard is asked after each pause, and ends the work', () => {
    const clock = new ManualClock();
    const done: number[] = [];
    const guard = () => {
      if (done.length === 3) throw new Error('stopped');
    };
    expect(() => finish(guarded(work(clock, 9, done), guard))).toThrow('stopped');
    expect(done).toHaveLength(3);
  });
});

import { describe, expect, test } from 'vitest';
import { EtcdTurns } from '../../../src/sources/etcd-turns.ts';

const PATIENT = new AbortController().signal;

/** Asks for turns; answers how many have come by now. */
function asking(turns: EtcdTurns, count: number, signal = PATIENT): () => Promise<number> {
  let came = 0;
  for (let index = 0; index < count; index++) {
    turns.enter(signal).then(
      () => {
        came += 1;
      },
      () => {},
    );
  }
  return async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return came;
  };
}

function answer(turns: EtcdTurns, count: number): void {
  for (let index = 0; index < count; index++) {
    turns.answered();
    turns.leave();
  }
}

describe('turns at a member of etcd', () => {
  test('begin with two, and each answer makes room for one more, up to sixteen', async () => {
    const turns = new EtcdTurns();
    const came = asking(turns, 100);
    expect(await came()).toBe(2);
    answer(turns, 2);
    expect(await came()).toBe(6);
    answer(turns, 4);
    expect(await came()).toBe(14);
    answer(turns, 8);
    // 14 were answered, 16 are under way.
    expect(await came()).toBe(30);
    answer(turns, 16);
    expect(await came()).toBe(46);
  });

  test('no answer in time: half as many, one at least', async () => {
    const turns = new EtcdTurns();
    const came = asking(turns, 100);
    await came();
    answer(turns, 14);
    for (const limit of [8, 4, 2, 1, 1]) {
      turns.unanswered();
      expect(turns.limit).toBe(limit);
    }
    const before = await came();
    // Nobody enters before as many have left as are too many.
    for (let count = 0; count < 15; count++) turns.leave();
    expect(await came()).toBe(before);
    turns.leave();
    expect(await came()).toBe(before + 1);
  });

  test('one that is not waited for any more passes its turn on', async () => {
    const turns = new EtcdTurns();
    asking(turns, 2);
    const stop = new AbortController();
    const gone = asking(turns, 3, stop.signal);
    const came = asking(turns, 1);
    stop.abort();
    expect(await gone()).toBe(0);
    expect(await came()).toBe(0);
    turns.leave();
    expect(await came()).toBe(1);
  });
});

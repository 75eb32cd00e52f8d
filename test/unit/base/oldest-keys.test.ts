import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { OldestKeys } from '../../../src/base/oldest-keys.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

test('keys come in the order of insertion, also when all were taken and others came', () => {
  const map = new Map([
    ['a', 1],
    ['b', 2],
  ]);
  const oldest = new OldestKeys(map);
  const take = () => {
    const key = oldest.next();
    if (key !== undefined) map.delete(key);
    return key;
  };
  expect(take()).toBe('a');
  map.set('a', 3);
  expect([take(), take(), take()]).toEqual(['b', 'a', undefined]);
  map.set('c', 4);
  expect([take(), take()]).toEqual(['c', undefined]);
});

test('a map that changes for long keeps its size, whether or not somebody asks', async () => {
  const map = new Map<number, number>([[0, 0]]);
  const oldest = new OldestKeys(map);
  oldest.next();
  // Until the end of this turn, a weak reference is none.
  await setImmediate();
  const used = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  for (let round = 0; round < 200; round += 1) {
    for (let key = 0; key < 1_000; key += 1) {
      map.delete(key);
      map.set(key, round);
    }
  }
  // It was 11 MB with an iterator that is kept.
  expect(used() - before).toBeLessThan(2_000_000);
  expect(oldest.next()).toBe(0);
});

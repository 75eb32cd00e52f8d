import { expect, test } from 'vitest';
import { Swaps } from '../../../../src/operations/live/swaps.ts';

test('the latest 32 swaps of a volume are kept, and nothing else that happens to it', () => {
  const swaps = new Swaps();
  for (let time = 1; time <= 40; time += 1) swaps.hear({ type: 'updated', volumeId: 'a', time });
  swaps.hear({ type: 'warning', volumeId: 'a', time: 41 });
  swaps.hear({ type: 'mounted', volumeId: 'b', time: 42 });
  expect(swaps.of('a')).toEqual(Array.from({ length: 32 }, (_, index) => index + 9));
  expect(swaps.of('b')).toEqual([]);
});

test('of too many volumes those are forgotten that were swapped least recently', () => {
  const swaps = new Swaps();
  const MAX = 16_384;
  for (let nth = 1; nth <= MAX; nth += 1) swaps.hear({ type: 'updated', volumeId: `v${nth}`, time: nth });
  swaps.hear({ type: 'updated', volumeId: 'v1', time: MAX + 1 });
  swaps.hear({ type: 'updated', volumeId: 'new', time: MAX + 2 });
  expect(['v1', 'v2', 'v3', 'new'].map((id) => swaps.of(id))).toEqual([[1, MAX + 1], [], [3], [MAX + 2]]);
});

import { expect, test } from 'vitest';
import { parseDuration } from '../../../src/base/clock.ts';

test.each([
  ['30s', 30_000],
  ['1m30s', 90_000],
  ['500ms', 500],
  ['1.5s', 1500],
  ['2h', 7_200_000],
  ['1h0m1s', 3_601_000],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text, '')).toEqual({ ok: true, value: ms });
});

test.each(['', '30', 's', '30 s', '-1s', '1d', '1s!', '1e3s'])('"%s" is refused', (text) => {
  expect(parseDuration(text, '--wait')).toMatchObject({ ok: false, faults: [{ field: '--wait' }] });
});

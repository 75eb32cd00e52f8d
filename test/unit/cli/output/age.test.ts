import { expect, test } from 'vitest';
import { ageSince, formatAge } from '../../../../src/cli/output/table.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const YEAR = 365 * DAY;

test.each<[number, string]>([
  [-5, '0s'],
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [5 * MINUTE + 30, '5m30s'],
  [10 * MINUTE - 1, '9m59s'],
  [10 * MINUTE + 59, '10m'],
  [3 * HOUR - 1, '179m'],
  [3 * HOUR, '3h'],
  [7 * HOUR + 5 * MINUTE, '7h5m'],
  [8 * HOUR + 30 * MINUTE, '8h'],
  [2 * DAY - 1, '47h'],
  [3 * DAY + 4 * HOUR, '3d4h'],
  [8 * DAY + 4 * HOUR, '8d'],
  [2 * YEAR - 1, '729d'],
  [2 * YEAR + 12 * DAY, '2y12d'],
  [8 * YEAR + 12 * DAY, '8y'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatAge(seconds * 1000)).toBe(text);
});

test('counts from a timestamp', () => {
  expect(ageSince('2026-11-23T19:24:08Z', Date.UTC(2026, 10, 23, 19, 25, 8))).toBe('60s');
  expect(ageSince('', 0)).toBe('<unknown>');
});

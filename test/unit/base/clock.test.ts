import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';

const DAY = 24 * 3600 * 1000;
/** Node fires a timer at once that is longer than 24.8 days. */
const LONG = 100 * DAY;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it.each([1, DAY, LONG])('calls the action after %d ms, not before, and once', (ms) => {
  const action = vi.fn();
  systemClock.after(ms, action);
  vi.advanceTimersByTime(ms - 1);
  expect(action).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  vi.advanceTimersByTime(LONG);
  expect(action).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

it.each([1, LONG])('does not call it when disposed, whenever that is', (ms) => {
  const action = vi.fn();
  const timer = systemClock.after(ms, action);
  vi.advanceTimersByTime(ms - 1);
  timer[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(LONG);
  expect(action).not.toHaveBeenCalled();
});

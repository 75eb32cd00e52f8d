import { expect, test } from 'vitest';
import { Sessions } from '../../../../src/operations/live/sessions.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';

const MINUTE = 60_000;

test('a code is exchanged once, for a session that stays', () => {
  const clock = new ManualClock();
  const sessions = new Sessions(clock);
  const code = sessions.newCode();
  const session = sessions.exchange(code) ?? '';
  expect(sessions.exchange(code)).toBeUndefined();
  clock.advance(30 * 24 * 60 * MINUTE);
  expect(sessions.admits(session)).toBe(true);
});

test('a code is no session, and a session no code', () => {
  const sessions = new Sessions(new ManualClock());
  const code = sessions.newCode();
  expect(sessions.admits(code)).toBe(false);
  const session = sessions.exchange(code) ?? '';
  expect(sessions.exchange(session)).toBeUndefined();
});

test.each([
  [10 * MINUTE - 1, true],
  [10 * MINUTE, false],
])('a code of %d ms is good: %s', (age, isGood) => {
  const clock = new ManualClock();
  const sessions = new Sessions(clock);
  const code = sessions.newCode();
  clock.advance(age);
  expect(sessions.exchange(code) !== undefined).toBe(isGood);
});

test.each(['', 'x', 'A'.repeat(43), 'ü'])('a guess is refused: %j', (guess) => {
  const sessions = new Sessions(new ManualClock());
  sessions.exchange(sessions.newCode());
  sessions.newCode();
  expect([sessions.exchange(guess), sessions.admits(guess)]).toEqual([undefined, false]);
});

test('the oldest of 16 codes and 64 sessions make room', () => {
  const sessions = new Sessions(new ManualClock());
  const codes = Array.from({ length: 17 }, () => sessions.newCode());
  expect(codes.map((code) => sessions.exchange(code) !== undefined)).toEqual([false, ...Array(16).fill(true)]);
  const kept = Array.from({ length: 65 }, () => sessions.exchange(sessions.newCode()) ?? '');
  expect(kept.map((session) => sessions.admits(session))).toEqual([false, ...Array(64).fill(true)]);
});

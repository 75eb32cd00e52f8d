import { describe, expect, test } from 'vitest';
import { TokenBucket } from '../../../../src/rpc/transport/admission.ts';
import { ResetAllowance } from '../../../../src/rpc/transport/guarded-session.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';

/** Sessions of one peer, with nothing in common to spend but what is given. */
class Sessions {
  readonly clock = new ManualClock();
  readonly #shared: TokenBucket;

  constructor(burst: number, perSecond = 0) {
    this.#shared = new TokenBucket({ burst, perSecond }, this.clock.monotonic());
  }

  open(): ResetAllowance {
    return new ResetAllowance((count) => this.#shared.take(count, this.clock.monotonic()));
  }
}

/** How many resets in a row go well, of a hundred thousand. */
function enduredBy(session: ResetAllowance, ageMs: number): number {
  for (let count = 0; count < 100_000; count += 1) if (!session.reset(ageMs)) return count;
  return Number.POSITIVE_INFINITY;
}

describe('a session', () => {
  test.each([
    ['at once', 0, 16],
    ['soon', 5, 64],
    ['when a deadline passed', 999, 64],
    ['after it was of use', 1_000, Number.POSITIVE_INFINITY],
  ])('that resets its streams %s', (_, ageMs, endured) => {
    expect(enduredBy(new Sessions(0).open(), ageMs)).toBe(endured);
  });

  test('has what its peer has beside', () => {
    expect(enduredBy(new Sessions(100).open(), 5)).toBe(164);
  });

  test('that uses as many streams as it resets goes on for ever', () => {
    const session = new Sessions(0).open();
    for (let round = 0; round < 10_000; round += 1) {
      expect(session.reset(5)).toBe(true);
      session.used();
    }
  });

  test('does not save up more than it began with', () => {
    const session = new Sessions(0).open();
    for (let round = 0; round < 10_000; round += 1) session.used();
    expect(enduredBy(session, 5)).toBe(64);
  });

  test('is not cut for what another one of its peer did, while it resets little itself', () => {
    const sessions = new Sessions(100);
    enduredBy(sessions.open(), 0);
    const modest = sessions.open();
    expect(enduredBy(modest, 5)).toBe(64);
  });
});

test('a peer with many sessions has what it shares only once', () => {
  const sessions = new Sessions(100, 10);
  expect(enduredBy(sessions.open(), 5) + enduredBy(sessions.open(), 5)).toBe(100 + 2 * 64);
  sessions.clock.advance(1_000);
  expect(enduredBy(sessions.open(), 5)).toBe(10 + 64);
});

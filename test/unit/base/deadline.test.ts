import { expect, it } from 'vitest';
import { withDeadline } from '../../../src/base/clock.ts';
import { ManualClock } from '../../support/suite/clocks.ts';

const late = () => new Error('late');

it('passes on what the action comes to, and leaves nothing behind', async () => {
  const clock = new ManualClock();
  const { signal } = new AbortController();
  const limit = { clock, ms: 10, late };
  expect(await withDeadline(limit, signal, async () => 'done')).toBe('done');
  await expect(withDeadline(limit, signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(
    withDeadline(limit, signal, () => {
      throw new Error('at once');
    }),
  ).rejects.toThrow('at once');
  expect(clock.pending).toBe(0);
});

it('gives up on an action that does not heed its signal, and tells it', async () => {
  const clock = new ManualClock();
  let told: AbortSignal | undefined;
  const waiting = withDeadline({ clock, ms: 10, late }, new AbortController().signal, (signal) => {
    told = signal;
    return new Promise(() => {});
  });
  clock.advance(9);
  expect(told?.aborted).toBe(false);
  clock.advance(1);
  await expect(waiting).rejects.toThrow('late');
  expect(told?.aborted).toBe(true);
  expect(clock.pending).toBe(0);
});

it.each([true, false])('ends with the signal (aborted before: %s)', async (isBefore) => {
  const clock = new ManualClock();
  const call = new AbortController();
  if (isBefore) call.abort();
  const waiting = withDeadline({ clock, ms: 10, late }, call.signal, () => new Promise(() => {}));
  call.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  expect(clock.pending).toBe(0);
});

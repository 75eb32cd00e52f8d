import { describe, expect, it } from 'vitest';
import { abortable } from '../../../src/base/clock.ts';
import { KeyedLock } from '../../../src/base/keyed-lock.ts';

const never = new AbortController().signal;

/** An action that runs until it is told to end, and notes both. */
function step(name: string, notes: string[]) {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run = async () => {
    notes.push(`${name} starts`);
    await ended;
    notes.push(`${name} ends`);
  };
  return { run, end };
}

describe('KeyedLock', () => {
  it('runs holders of one key in the order they asked, and other keys beside them', async () => {
    const lock = new KeyedLock();
    const notes: string[] = [];
    const [a, b] = [step('a', notes), step('b', notes)];
    const first = lock.run('k', never, a.run);
    const second = lock.run('k', never, b.run);
    await lock.run('other', never, () => notes.push('other'));
    b.end();
    a.end();
    await Promise.all([first, second]);
    expect(notes).toEqual(['a starts', 'other', 'a ends', 'b starts', 'b ends']);
  });

  it('lets nobody past the holder when the waiter in between gives up', async () => {
    const lock = new KeyedLock();
    const notes: string[] = [];
    const [a, c] = [step('a', notes), step('c', notes)];
    const first = lock.run('k', never, a.run);
    const givingUp = new AbortController();
    const second = lock.run('k', givingUp.signal, () => notes.push('b'));
    givingUp.abort(new Error('gave up'));
    await expect(second).rejects.toThrow('gave up');
    const third = lock.run('k', never, c.run);
    c.end();
    await lock.run('other', never, () => undefined);
    expect(notes).toEqual(['a starts']);
    a.end();
    await Promise.all([first, third]);
    expect(notes).toEqual(['a starts', 'a ends', 'c starts', 'c ends']);
  });

  it('goes on after a holder that fails, and hands its error to its caller only', async () => {
    const lock = new KeyedLock();
    const failing = lock.run('k', never, () => Promise.reject(new Error('no')));
    const next = lock.run('k', never, () => 'yes');
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBe('yes');
  });

  it('does not run with a signal that is aborted already', async () => {
    const lock = new KeyedLock();
    await expect(lock.run('k', AbortSignal.abort(new Error('late')), () => 'ran')).rejects.toThrow('late');
    await expect(lock.run('k', never, () => 'free')).resolves.toBe('free');
  });
});

describe('abortable', () => {
  it('is the promise or the abort, whichever comes first', async () => {
    await expect(abortable(Promise.resolve(1), never)).resolves.toBe(1);
    await expect(abortable(new Promise(() => {}), AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
});

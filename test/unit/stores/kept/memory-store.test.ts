import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../../../src/stores/kept/memory-store.ts';
import { secretDraft } from '../../../support/objects/builders.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';

const APPLY = { createOnly: false, dryRun: false };
const REF = { kind: 'Secret', namespace: 'default', name: 'db' } as const;
const { signal } = new AbortController();

describe('before it is ready', () => {
  test('what is there can be read; absence cannot be said', async () => {
    const store = new MemoryStore({ ready: false });
    await expect(store.get(REF, signal)).rejects.toMatchObject({ code: 'unavailable', reason: 'STORE_UNSYNCED' });
    await expect(store.list({ kind: 'Secret' }, signal)).rejects.toMatchObject({ code: 'unavailable' });
    const { object } = await store.apply(secretDraft('db'), APPLY, signal);
    expect(await store.get(REF, signal)).toBe(object);
    await store.delete(REF, undefined, signal);
    store.markReady();
    store.markReady();
    expect(await store.get(REF, signal)).toBeUndefined();
  });

  test('ready() waits for markReady(), or rejects with the reason of the abort', async () => {
    const store = new MemoryStore({ ready: false });
    const stop = new AbortController();
    const given = store.ready(stop.signal);
    const waiting = store.ready(signal);
    stop.abort(new Error('shutting down'));
    await expect(given).rejects.toThrow('shutting down');
    store.markReady();
    await waiting;
  });
});

test('revisions of an earlier process are compacted ones, not revisions of this store', async () => {
  const clock = new ManualClock();
  const earlier = new MemoryStore({ clock });
  for (let value = 0; value < 100; value++) await earlier.apply(secretDraft('db', { a: `${value}` }), APPLY, signal);
  const { revision } = await earlier.list({ kind: 'Secret' }, signal);
  clock.advance(1_000);
  const restarted = new MemoryStore({ clock });
  for (let value = 0; value < 200; value++) await restarted.apply(secretDraft('db', { a: `${value}` }), APPLY, signal);
  const watch = restarted.watch({ from: revision }, signal)[Symbol.asyncIterator]();
  await expect(watch.next()).rejects.toMatchObject({
    code: 'out-of-range',
    message: expect.stringContaining('compacted'),
  });
});

test('creation time and the moment of observation come from the clock', async () => {
  const clock = new ManualClock(Date.UTC(2026, 10, 23, 19, 24, 8, 987));
  const store = new MemoryStore({ clock });
  const heard: number[] = [];
  using _ = store.follow(REF, ({ observedAt }) => heard.push(observedAt));
  const { object } = await store.apply(secretDraft('db'), APPLY, signal);
  expect(object.metadata.creationTimestamp).toBe('2026-11-23T19:24:08Z');
  expect(heard).toEqual([clock.monotonic()]);
});

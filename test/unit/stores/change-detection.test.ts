import { expect, it, vi } from 'vitest';
import type { StoredObject } from '../../../src/objects/object.ts';
import { CachedSource } from '../../../src/stores/change-detection.ts';
import { MemoryStore } from '../../../src/stores/kept/memory-store.ts';
import { secretDraft } from '../../support/objects/builders.ts';
import { NEVER } from '../../support/projection/projection-world.ts';
import { ManualClock } from '../../support/suite/clocks.ts';

const REF = { kind: 'Secret', namespace: 'default', name: 'db' } as const;
const OTHER = { ...REF, name: 'other' };
const TTL = 1_000;

function arrange() {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock });
  const cache = new CachedSource(store, { clock, ttlMs: TTL });
  const reads = vi.spyOn(store, 'get');
  const apply = (password: string) =>
    store.apply(secretDraft('db', { password }), { createOnly: false, dryRun: false }, NEVER);
  return { clock, store, cache, reads, apply };
}

function textOf(object: StoredObject | undefined): string | undefined {
  const value = object?.kind === 'Secret' ? object.data.get('password') : undefined;
  return value && Buffer.from(value).toString();
}

it('answers from what it knows until that is too old, absence as well', async () => {
  const { clock, cache, reads, apply } = arrange();
  expect(await cache.get(REF, NEVER)).toBeUndefined();
  await apply('one');
  clock.advance(TTL - 1);
  expect(await cache.get(REF, NEVER)).toBeUndefined();
  clock.advance(1);
  expect(textOf(await cache.get(REF, NEVER))).toBe('one');
  expect(reads).toHaveBeenCalledTimes(2);
});

it('keeps objects apart', async () => {
  const { cache, apply } = arrange();
  await apply('one');
  expect(textOf(await cache.get(REF, NEVER))).toBe('one');
  expect(await cache.get(OTHER, NEVER)).toBeUndefined();
});

it('reads for those who need the newest state, and everybody gains by it', async () => {
  const { cache, apply } = arrange();
  await apply('one');
  await cache.get(REF, NEVER);
  await apply('two');
  expect(textOf(await cache.get(REF, NEVER))).toBe('one');
  expect(textOf(await cache.newest.get(REF, NEVER))).toBe('two');
  expect(textOf(await cache.get(REF, NEVER))).toBe('two');
});

it('reads once for many who ask at the same time, and one of them may leave', async () => {
  const { cache, reads, apply } = arrange();
  await apply('one');
  const call = new AbortController();
  const asked = [cache.get(REF, call.signal), cache.get(REF, NEVER), cache.get(REF, NEVER)];
  call.abort();
  const [left, ...others] = await Promise.allSettled(asked);
  expect(left?.status).toBe('rejected');
  expect(others.map((result) => result.status === 'fulfilled' && textOf(result.value))).toEqual(['one', 'one']);
  expect(reads).toHaveBeenCalledTimes(1);
});

it.each(['an answer', 'a failure'])('does not take %s that was slow over a newer answer', async (slowOne) => {
  const { cache, reads, apply } = arrange();
  await apply('two');
  let settle = () => {};
  reads.mockReturnValueOnce(
    new Promise((resolve, reject) => {
      settle = () => (slowOne === 'an answer' ? resolve(undefined) : reject(new Error('down')));
    }),
  );
  const slow = cache.get(REF, NEVER);
  expect(textOf(await cache.newest.get(REF, NEVER))).toBe('two');
  settle();
  await slow.catch(() => {});
  expect(textOf(await cache.get(REF, NEVER))).toBe('two');
  expect(reads).toHaveBeenCalledTimes(2);
});

it('remembers no failure', async () => {
  const { clock, cache, reads, apply } = arrange();
  await apply('one');
  reads.mockRejectedValueOnce(new Error('down'));
  await expect(cache.get(REF, NEVER)).rejects.toThrow('down');
  expect(textOf(await cache.get(REF, NEVER))).toBe('one');
  clock.advance(TTL);
  expect(clock.pending).toBe(0);
});

it('follows nothing', async () => {
  const { cache, apply } = arrange();
  const heard = vi.fn();
  using _following = cache.follow();
  using _newest = cache.newest.follow(REF, heard);
  await apply('one');
  expect(heard).not.toHaveBeenCalled();
});

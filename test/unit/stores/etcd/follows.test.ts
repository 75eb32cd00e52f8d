import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EtcdFollowed } from '../../../../src/stores/etcd/follows.ts';

const REF = { kind: 'Secret', namespace: 'default', name: 'db' } as const;
const state = (revision: number, changedAt = revision) => ({
  revision,
  changedAt,
  object: undefined,
  problem: undefined,
});

test('what the first read finds is where followers begin; what comes twice is told once', () => {
  const followed = new EtcdFollowed(REF);
  expect(followed.found(state(10, 7))).toBeUndefined();
  expect(followed.happened(state(12), 'modified')).toEqual({ type: 'modified', revision: 12 });
  expect(followed.happened(state(12), 'modified')).toBeUndefined();
  expect(followed.found(state(11, 7))).toBeUndefined();
  expect(followed.state?.changedAt).toBe(12);
});

test.each([
  ['unchanged', 7, 7, undefined],
  ['changed', 7, 15, { type: 'modified', revision: 15 }],
  ['gone', 7, 0, { type: 'deleted', revision: 20 }],
  ['come', 0, 15, { type: 'added', revision: 15 }],
  ['still absent', 0, 0, undefined],
])('read again: %s', (_, before, after, told) => {
  const followed = new EtcdFollowed(REF);
  followed.found(state(10, before));
  expect(followed.found(state(20, after))).toEqual(told);
});

test('in another history the same revision is a change', () => {
  const followed = new EtcdFollowed(REF);
  followed.found(state(10, 7));
  followed.forget();
  expect(followed.state).toBeUndefined();
  expect(followed.found(state(8, 7))).toEqual({ type: 'modified', revision: 7 });
});

test('however reads, events and own writes come in, what is told only goes forward and ends at the newest', () => {
  const step = fc.record({ revision: fc.integer({ min: 1, max: 50 }), isRead: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), (steps) => {
      const followed = new EtcdFollowed(REF);
      const told: number[] = [];
      for (const { revision, isRead } of steps) {
        const change = isRead ? followed.found(state(revision)) : followed.happened(state(revision), 'modified');
        if (change !== undefined) told.push(change.revision);
      }
      expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
      expect(followed.state?.revision).toBe(Math.max(...steps.map(({ revision }) => revision)));
    }),
  );
});

import { expect, test } from 'vitest';
import { EtcdHistory } from '../../../src/sources/etcd-history.ts';

const header = (revision: number, term = 3, cluster = '12345678901234567890') => ({
  ...{ cluster_id: cluster, member_id: '1' },
  ...{ revision: String(revision), raft_term: String(term) },
});

function arrange() {
  let restarts = 0;
  const history = new EtcdHistory(() => {
    restarts += 1;
  });
  expect(history.storeId).toBe('');
  expect(history.answer(header(100), history.mark())).toBe(true);
  history.identify('the-id');
  return { history, restarts: () => restarts, storeId: history.storeId };
}

test('what goes on is the same store', () => {
  const { history, restarts, storeId } = arrange();
  const early = history.mark();
  history.progress(120);
  // Sent before the progress was heard of, and answered late.
  expect(history.answer(header(101), early)).toBe(true);
  expect(history.answer(header(121, 4), history.mark())).toBe(true);
  history.identify('the-id');
  expect([history.revision, history.storeId, restarts()]).toEqual([121, storeId, 0]);
});

test.each([
  ['an earlier revision', header(99)],
  ['an earlier term, although it has got ahead', header(500, 2)],
  ['another cluster', header(101, 3, '99')],
])('%s is another store', (_, other) => {
  const { history, restarts, storeId } = arrange();
  const before = history.mark();
  expect(history.answer(other, before)).toBe(false);
  expect(restarts()).toBe(1);
  expect(history.storeId).not.toBe(storeId);
  expect(history.revision).toBe(Number(other.revision));
  // What was sent to the one before says nothing of this one.
  expect(history.answer(header(1), before)).toBe(false);
  expect(restarts()).toBe(1);
  expect(history.answer(other, history.mark())).toBe(true);
});

test('another id is another store', () => {
  const { history, restarts, storeId } = arrange();
  history.identify('another');
  expect([restarts(), history.storeId === storeId]).toEqual([1, false]);
});

test('one that went back under its id needs another, which tells it apart for whoever comes later', () => {
  const { history, restarts, storeId } = arrange();
  expect(history.isOutlived('the-id')).toBe(false);
  history.answer(header(90), history.mark());
  history.identify('the-id');
  expect([history.isOutlived('the-id'), history.isOutlived('another')]).toEqual([true, false]);
  history.identify('another');
  expect([restarts(), history.isOutlived('another')]).toEqual([1, false]);
  const later = new EtcdHistory(() => {});
  later.answer(header(95), later.mark());
  later.identify('another');
  expect(later.storeId).toBe(history.storeId);
  expect(later.storeId).not.toBe(storeId);
});

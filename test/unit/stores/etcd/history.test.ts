import { expect, test } from 'vitest';
import { EtcdHistory } from '../../../../src/stores/etcd/history.ts';

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
  expect(history.wentBackUnder('the-id')).toBe(false);
  history.answer(header(90), history.mark());
  history.identify('the-id');
  expect([history.wentBackUnder('the-id'), history.wentBackUnder('another')]).toEqual([true, false]);
  history.identify('another');
  expect([restarts(), history.wentBackUnder('another')]).toEqual([1, false]);
  const later = new EtcdHistory(() => {});
  later.answer(header(95), later.mark());
  later.identify('another');
  expect(later.storeId).toBe(history.storeId);
  expect(later.storeId).not.toBe(storeId);
});

const BEFORE = { id: 'the-id', cluster: 'ab54a98ceb1f0ad2', revision: 100, term: 3n };

function arrangeLater(answer: ReturnType<typeof header>) {
  let restarts = 0;
  const history = new EtcdHistory(() => {
    restarts += 1;
  }, BEFORE);
  const isSame = history.answer(answer, history.mark());
  return { history, isSame, restarts: () => restarts };
}

test('what an earlier process has seen is what the next one goes on with', () => {
  const { history, storeId } = arrange();
  expect(history.seen).toEqual(BEFORE);
  const later = arrangeLater(header(100));
  later.history.identify('the-id');
  expect([later.isSame, later.restarts(), later.history.storeId]).toEqual([true, 0, storeId]);
  expect(later.history.wentBackUnder('the-id')).toBe(false);
});

test.each([
  ['a lower revision', header(99)],
  ['a lower term, although it has got further', header(500, 2)],
])('%s than an earlier process had seen: another store, which needs another id', (_, answer) => {
  const { history, isSame, restarts } = arrangeLater(answer);
  expect([isSame, restarts(), history.wentBackUnder('the-id')]).toEqual([false, 1, true]);
  // What is kept for the next process stays, until etcd keeps an id that tells the two apart; others may write
  // meanwhile.
  expect(history.answer(header(900), history.mark())).toBe(true);
  expect([history.seen, history.wentBackUnder('the-id')]).toEqual([undefined, true]);
  history.identify('another');
  expect(history.seen).toMatchObject({ id: 'another', revision: 900 });
  expect([restarts(), history.wentBackUnder('another')]).toEqual([1, false]);
});

test.each([
  ['another cluster', header(500, 3, '99'), 'the-id'],
  ['another id in the same cluster', header(500), 'another'],
  ['another id, less far', header(5), 'another'],
])('%s than an earlier process had seen: simply another store', (_, answer, id) => {
  const { history, restarts } = arrangeLater(answer);
  expect(history.wentBackUnder(id)).toBe(false);
  history.identify(id);
  expect([restarts(), history.wentBackUnder(id)]).toEqual([1, false]);
  const fresh = new EtcdHistory(() => {});
  fresh.answer(answer, fresh.mark());
  fresh.identify(id);
  expect([history.storeId, history.seen]).toEqual([fresh.storeId, fresh.seen]);
});

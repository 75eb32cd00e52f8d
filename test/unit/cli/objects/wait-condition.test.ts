import { expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { isMet, parseWaitCondition } from '../../../../src/cli/objects/wait-condition.ts';

const SUBJECT = {
  state: 'READY',
  metadata: { labels: { tier: 'db' } },
  count: 3,
  list: [{ a: 1 }, { a: 2 }],
  'a=b': 'c=d',
};

test.each<[string, unknown, boolean]>([
  ['create', SUBJECT, true],
  ['create', undefined, false],
  ['delete', SUBJECT, false],
  ['delete', undefined, true],
  ['condition=Ready', SUBJECT, true],
  ['condition=ready=true', SUBJECT, true],
  ['condition=Ready=False', SUBJECT, false],
  ['condition=Stale', SUBJECT, false],
  ['condition=Stale=false', SUBJECT, true],
  ['condition=Stale=false', undefined, false],
  ['jsonpath={.metadata.labels.tier}=db', SUBJECT, true],
  ['jsonpath={.metadata.labels.tier}=web', SUBJECT, false],
  ['jsonpath=.metadata.labels.tier=db', SUBJECT, true],
  ['jsonpath={.metadata.labels.tier}', SUBJECT, true],
  ['jsonpath={.metadata.labels.nope}', SUBJECT, false],
  ['jsonpath={.metadata.labels.nope}=', SUBJECT, false],
  ['jsonpath={.count}=3', SUBJECT, true],
  ['jsonpath={.list[*].a}=1', SUBJECT, false],
  ['jsonpath={.list[?(@.a==2)].a}=2', SUBJECT, true],
  ["jsonpath={['a=b']}=c=d", SUBJECT, true],
])('%s of %j: %s', (text, subject, expected) => {
  expect(isMet(orThrow(parseWaitCondition(text, '--for')), subject)).toBe(expected);
});

test.each(['', 'ready', 'condition=Available', 'condition=Ready=maybe', 'jsonpath', 'jsonpath='])(
  '%j is refused',
  (text) => {
    expect(parseWaitCondition(text, '--for')).toMatchObject({
      ok: false,
      faults: [{ field: '--for', message: expect.stringContaining('known are create, delete, condition=Ready') }],
    });
  },
);

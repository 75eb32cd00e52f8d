import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventFit, eventHeadings, eventRows } from '../../../../src/cli/output/events-table.ts';
import { widthOf } from '../../../../src/cli/output/fit.ts';
import { formatTable } from '../../../../src/cli/output/table.ts';
import type { Event__Output as WireEvent } from '../../../../src/rpc/generated/lantern/v1/Event.ts';

const NOW = Date.parse('2026-11-23T12:15:00Z');
const ID = `csi-${'0123456789abcdef'.repeat(4)}`;

function event(facts: Partial<WireEvent>, name = ID): WireEvent {
  return {
    id: 'e1',
    involvedObject: { kind: 'Pod', namespace: 'shop', name, uid: '', fieldPath: '' },
    type: 'WARNING',
    reason: 'FailedUpdate',
    message: 'Secret shop/db does not exist',
    count: 1,
    firstTimestamp: '2026-11-23T12:10:00.000Z',
    lastTimestamp: '2026-11-23T12:10:00.000Z',
    host: 'n1',
    ...facts,
  };
}

function tableOf(events: readonly WireEvent[], view: { wide?: boolean; withNamespace?: boolean; width?: number }) {
  const columns = { wide: false, withNamespace: false, width: undefined, ...view };
  return formatTable(eventHeadings(columns), eventRows(events, columns, NOW), undefined, eventFit(columns)).split('\n');
}

const long = [
  event({ message: `volume "${ID}": Secret shop/credentials-of-the-payment-provider does not exist` }),
  event({ type: 'NORMAL', reason: 'Updated', message: `(combined from similar events): volume "${ID}": updated` }),
];

test('on a terminal names lose their middle, and messages go on below', () => {
  expect(tableOf(long, { width: 100 })).toEqual([
    'LAST SEEN   TYPE      REASON         OBJECT                      MESSAGE',
    '5m          Warning   FailedUpdate   pod/csi-0123…456789abcdef   volume "csi-01234…89abcdef": Secret',
    '                                                                 shop/credentials-of-the-payment-pro',
    '                                                                 vider does not exist',
    '5m          Normal    Updated        pod/csi-0123…456789abcdef   (combined from similar events):',
    '                                                                 volume "csi-01234…89abcdef":',
    '                                                                 updated',
  ]);
});

test.each([
  ['a pipe', {}],
  ['the wide table', { wide: true, width: 100 }],
])('%s has everything in full', (_, view) => {
  const table = tableOf(long, view);
  expect(table).toHaveLength(1 + long.length);
  for (const { message } of long) expect(table.join('\n')).toContain(message);
});

test('whatever the texts, no line is wider than a terminal of 100 columns', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.stringMatching(/^[A-Za-z ]{0,400}$/));
  const events = fc.array(
    fc.record({ message: text, reason: text, name: text }).map(({ name, ...facts }) => event(facts, name)),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(events, fc.boolean(), (shown, withNamespace) => {
      for (const line of tableOf(shown, { width: 100, withNamespace })) expect(widthOf(line)).toBeLessThanOrEqual(100);
    }),
  );
});

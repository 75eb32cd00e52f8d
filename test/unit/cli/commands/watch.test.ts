import { expect, test } from 'vitest';
import { VolumeEventTable } from '../../../../src/cli/commands/watch.ts';
import { styleFor } from '../../../../src/cli/output/text.ts';
import type { VolumeEvent__Output as WireEvent } from '../../../../src/rpc/generated/lantern/v1/VolumeEvent.ts';

const EVENT: WireEvent = {
  type: 'MOUNTED',
  volumeId: 'app',
  namespace: 'default',
  time: '2026-11-23T12:00:00.123Z',
  targetPath: '',
  oldGeneration: '',
  newGeneration: '',
  changedPaths: [],
  propagationMs: 0,
  message: '',
  reason: '',
};

const PLAIN = styleFor(false);

test.each<[Partial<WireEvent>, string]>([
  [{ type: 'MOUNTED', targetPath: '/srv/app' }, 'mounted          app      at /srv/app'],
  [{ type: 'UNMOUNTED', targetPath: '/srv/app' }, 'unmounted        app      at /srv/app'],
  [
    { type: 'UPDATED', newGeneration: '..2', changedPaths: ['a', 'b/c'], propagationMs: 2.345 },
    'updated          app      to ..2 in 2.3 ms (a, b/c)',
  ],
  [{ type: 'UPDATED', newGeneration: '..2' }, 'updated          app      to ..2'],
  [{ type: 'UPDATE_SKIPPED', targetPath: '/t', message: 'why' }, 'update-skipped   app      at /t: why'],
  [{ type: 'RECOVERED', message: 'it is well again' }, 'recovered        app      it is well again'],
  [{ type: 'FAILED', message: 'two\nlines' }, 'failed           app      two\\x0alines'],
])('%j', (event, line) => {
  expect(new VolumeEventTable(PLAIN, undefined).add({ ...EVENT, ...event }).split('\n')).toEqual([
    'TIME                       EVENT            VOLUME   DETAILS',
    `2026-11-23T12:00:00.123Z   ${line}`,
  ]);
});

test('columns stay where they are, and fit a terminal', () => {
  const table = new VolumeEventTable(PLAIN, 80);
  const of = (facts: Partial<WireEvent>) => table.add({ ...EVENT, ...facts }).split('\n');
  expect([
    ...of({ targetPath: '/srv/app' }),
    ...of({ type: 'FAILED', message: 'Secret default/db does not exist; create it first' }),
    ...of({ type: 'UPDATED', volumeId: `csi-${'0123456789abcdef'.repeat(4)}`, newGeneration: '..2' }),
    ...of({ type: 'UNMOUNTED', targetPath: '/srv/app' }),
  ]).toEqual([
    'TIME                       EVENT            VOLUME   DETAILS',
    '2026-11-23T12:00:00.123Z   mounted          app      at /srv/app',
    '2026-11-23T12:00:00.123Z   failed           app      Secret default/db does not',
    '                                                     exist; create it first',
    '2026-11-23T12:00:00.123Z   updated          csi-012345…789abcdef   to ..2',
    '2026-11-23T12:00:00.123Z   unmounted        app                    at /srv/app',
  ]);
});

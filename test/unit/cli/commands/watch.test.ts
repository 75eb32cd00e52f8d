import { expect, test } from 'vitest';
import { eventLine } from '../../../../src/cli/commands/watch.ts';
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

test.each<[Partial<WireEvent>, string]>([
  [{ type: 'MOUNTED', targetPath: '/srv/app' }, 'mounted         app  at /srv/app'],
  [{ type: 'UNMOUNTED', targetPath: '/srv/app' }, 'unmounted       app  at /srv/app'],
  [
    { type: 'UPDATED', newGeneration: '..2', changedPaths: ['a', 'b/c'], propagationMs: 2.345 },
    'updated         app  to ..2 in 2.3 ms (a, b/c)',
  ],
  [{ type: 'UPDATED', newGeneration: '..2' }, 'updated         app  to ..2'],
  [{ type: 'UPDATE_SKIPPED', targetPath: '/t', message: 'why' }, 'update-skipped  app  at /t: why'],
  [{ type: 'RECOVERED', message: 'it is well again' }, 'recovered       app  it is well again'],
  [{ type: 'FAILED', message: 'two\nlines' }, 'failed          app  two\\x0alines'],
])('%j', (event, line) => {
  expect(eventLine({ ...EVENT, ...event }, styleFor(false))).toBe(`2026-11-23T12:00:00.123Z  ${line}`);
});

import { describe, expect, it } from 'vitest';
import type { EventDraft } from '../../../../src/objects/event.ts';
import type { VolumeEvent } from '../../../../src/projection/events/event-log.ts';
import { RecordingLog } from '../../../support/projection/projection-world.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';

const head = { volumeId: 'v', namespace: 'team', pod: undefined, time: 0 };
const update = { type: 'updated', cause: 'object', oldGeneration: 'a', newGeneration: 'b' } as const;

function recorded(event: VolumeEvent): EventDraft[] {
  const events: EventDraft[] = [];
  new RecordingLog(new ManualClock(), events).emit(event);
  return events;
}

describe('what is recorded of a volume event', () => {
  it.each<[VolumeEvent, Pick<EventDraft, 'type' | 'reason' | 'message'>]>([
    [
      { ...head, type: 'mounted', target: '/t' },
      { type: 'Normal', reason: 'SuccessfulMount', message: 'volume "v": mounted at "/t"' },
    ],
    [
      { ...head, type: 'unmounted', target: '/t' },
      { type: 'Normal', reason: 'Unmounted', message: 'volume "v": unmounted from "/t"' },
    ],
    [
      { ...head, ...update, changedPaths: ['password'], propagationMs: 12.34 },
      { type: 'Normal', reason: 'Updated', message: 'volume "v": updated: "password"' },
    ],
    [
      { ...head, ...update, changedPaths: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], propagationMs: undefined },
      { type: 'Normal', reason: 'Updated', message: 'volume "v": updated: "a", "b", "c", "d", "e" and 2 more' },
    ],
    [
      { ...head, ...update, changedPaths: [], propagationMs: undefined },
      { type: 'Normal', reason: 'Updated', message: 'volume "v": updated' },
    ],
    [
      { ...head, type: 'update-skipped', target: '/t', message: '"app.conf" at "/t" keeps what it was mounted with' },
      {
        type: 'Warning',
        reason: 'UpdateSkipped',
        message: 'volume "v": "app.conf" at "/t" keeps what it was mounted with',
      },
    ],
    [
      { ...head, type: 'failed', reason: 'FailedMount', message: 'Secret team/db does not exist' },
      { type: 'Warning', reason: 'FailedMount', message: 'volume "v": Secret team/db does not exist' },
    ],
    [
      { ...head, type: 'failed', reason: 'FailedUpdate', message: 'the pool is full' },
      { type: 'Warning', reason: 'FailedUpdate', message: 'volume "v": the pool is full' },
    ],
    [
      { ...head, type: 'recovered', message: 'it is well again' },
      { type: 'Normal', reason: 'Recovered', message: 'volume "v": it is well again' },
    ],
    [
      { ...head, type: 'warning', reason: 'PathOverwritten', message: 'two write "a"' },
      { type: 'Warning', reason: 'PathOverwritten', message: 'volume "v": two write "a"' },
    ],
    [
      { ...head, type: 'warning', reason: 'TokenRefreshFailed', message: 'no token' },
      { type: 'Warning', reason: 'TokenRefreshFailed', message: 'volume "v": no token' },
    ],
  ])('%j', (event, draft) => {
    const volume = { kind: 'Volume', namespace: 'team', name: 'v', uid: '', fieldPath: '' };
    expect(recorded(event)).toEqual([{ involved: volume, ...draft }]);
  });

  it.each([
    [
      { name: 'web', uid: 'u1' },
      { kind: 'Pod', namespace: 'team', name: 'web', uid: 'u1', fieldPath: '' },
    ],
    [
      { name: 'web', uid: '' },
      { kind: 'Pod', namespace: 'team', name: 'web', uid: '', fieldPath: '' },
    ],
    [
      { name: '', uid: 'u1' },
      { kind: 'Volume', namespace: 'team', name: 'v', uid: '', fieldPath: '' },
    ],
  ])('is about the pod where it has a name: %j', (pod, involved) => {
    expect(recorded({ ...head, pod, type: 'mounted', target: '/t' })).toMatchObject([{ involved }]);
  });
});

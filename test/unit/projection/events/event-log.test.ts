import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventDraft } from '../../../../src/objects/event.ts';
import { EventLog, type VolumeEvent } from '../../../../src/projection/events/event-log.ts';
import { NEVER, RecordingLog } from '../../../support/projection/projection-world.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';

const MINUTE = 60_000;

function draft(changes: Partial<EventDraft> = {}, involved: Partial<EventDraft['involved']> = {}): EventDraft {
  return {
    involved: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'u', fieldPath: '', ...involved },
    type: 'Warning',
    reason: 'FailedMount',
    message: 'it failed',
    ...changes,
  };
}

function arrange() {
  const clock = new ManualClock();
  return { clock, log: new EventLog({ clock }) };
}

describe('counting', () => {
  it('counts on what repeats, under the same id, and moves it to the end', () => {
    const { clock, log } = arrange();
    const start = clock.now();
    log.record(draft());
    log.record(draft({ message: 'another' }));
    const [first] = log.list({});
    clock.advance(MINUTE);
    log.record(draft());
    expect(log.list({})).toMatchObject([
      { message: 'another', count: 1, firstTime: start, lastTime: start },
      { message: 'it failed', count: 2, firstTime: start, lastTime: start + MINUTE, id: first?.id },
    ]);
  });

  it.each<[string, EventDraft]>([
    ['message', draft({ message: 'other' })],
    ['reason', draft({ reason: 'Other' })],
    ['type', draft({ type: 'Normal' })],
    ['kind', draft({}, { kind: 'Volume' })],
    ['namespace', draft({}, { namespace: 'other' })],
    ['name', draft({}, { name: 'other' })],
    ['uid', draft({}, { uid: 'other' })],
    ['part', draft({}, { fieldPath: 'spec.containers{app}' })],
  ])('keeps events apart that differ in their %s', (_, other) => {
    const { log } = arrange();
    log.record(draft());
    log.record(other);
    expect(log.list({}).map(({ count }) => count)).toEqual([1, 1]);
    expect(new Set(log.list({}).map(({ id }) => id)).size).toBe(2);
  });

  it('loses no count, whatever comes in whatever order, and combines only where it must', () => {
    const event = fc.record({
      name: fc.constantFrom('a', 'b'),
      reason: fc.constantFrom('X', 'Y'),
      message: fc.integer({ min: 0, max: 14 }).map(String),
      pause: fc.integer({ min: 0, max: 2_000 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        const { clock, log } = arrange();
        for (const { name, reason, message, pause } of events) {
          clock.advance(pause);
          log.record(draft({ reason, message }, { name }));
        }
        const kept = log.list({});
        expect(kept.reduce((sum, { count }) => sum + count, 0)).toBe(events.length);
        expect(kept.map(({ revision }) => revision)).toEqual(
          kept.map(({ revision }) => revision).sort((a, b) => a - b),
        );
        for (const name of ['a', 'b']) {
          for (const reason of ['X', 'Y']) {
            const sent = new Set(events.filter((e) => e.name === name && e.reason === reason).map((e) => e.message));
            const own = log.list({ name }).filter((e) => e.reason === reason);
            expect(own.length).toBe(Math.min(sent.size, 11));
            expect(own.some(({ message }) => message.startsWith('(combined'))).toBe(sent.size > 10);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('combining', () => {
  function recordMany(log: EventLog, count: number, prefix = 'm'): void {
    for (let index = 0; index < count; index++) log.record(draft({ message: `${prefix}${index}` }));
  }

  it('makes one event of all different messages after the tenth, with the newest message', () => {
    const { log } = arrange();
    recordMany(log, 14);
    const events = log.list({});
    expect(events.slice(0, 10).map(({ message }) => message)).toEqual(
      [...Array(10).keys()].map((index) => `m${index}`),
    );
    expect(events.slice(10)).toMatchObject([{ message: '(combined from similar events): m13', count: 4 }]);
  });

  it('still counts on what has an event of its own', () => {
    const { log } = arrange();
    recordMany(log, 12);
    log.record(draft({ message: 'm3' }));
    expect(log.list({}).at(-1)).toMatchObject({ message: 'm3', count: 2 });
  });

  it('starts anew after ten quiet minutes, not after ten busy ones', () => {
    const { clock, log } = arrange();
    recordMany(log, 10);
    for (let turn = 0; turn < 11; turn++) {
      clock.advance(MINUTE);
      log.record(draft({ message: 'm0' }));
    }
    log.record(draft({ message: 'late' }));
    expect(log.list({}).at(-1)).toMatchObject({ message: '(combined from similar events): late' });
    clock.advance(10 * MINUTE);
    log.record(draft({ message: 'anew' }));
    expect(log.list({}).at(-1)).toMatchObject({ message: 'anew' });
  });

  it('counts on what has an event of its own from before the quiet', () => {
    const { clock, log } = arrange();
    log.record(draft({ message: 'old' }));
    clock.advance(11 * MINUTE);
    recordMany(log, 12);
    log.record(draft({ message: 'old' }));
    expect(log.list({}).at(-1)).toMatchObject({ message: 'old', count: 2 });
  });

  it('keeps reasons and objects apart', () => {
    const { log } = arrange();
    recordMany(log, 11);
    log.record(draft({ reason: 'Other', message: 'fresh' }));
    log.record(draft({ message: 'fresh' }, { name: 'other' }));
    expect(
      log
        .list({})
        .slice(-2)
        .map(({ message }) => message),
    ).toEqual(['fresh', 'fresh']);
  });
});

describe('bounds', () => {
  it('keeps an event for an hour after it happened last', () => {
    const { clock, log } = arrange();
    log.record(draft());
    clock.advance(59 * MINUTE);
    log.record(draft());
    clock.advance(60 * MINUTE - 1);
    expect(log.list({})).toMatchObject([{ count: 2 }]);
    clock.advance(1);
    expect(log.list({})).toEqual([]);
    log.record(draft());
    expect(log.list({})).toMatchObject([{ count: 1 }]);
  });

  it('lets a noisy object push out its own oldest events only', () => {
    const { log } = arrange();
    log.record(draft({}, { name: 'quiet' }));
    for (let index = 0; index < 500; index++) log.record(draft({ reason: `R${index}` }));
    expect(log.list({ name: 'quiet' }).length).toBe(1);
    expect(log.list({ name: 'web' }).map(({ reason }) => reason)).toEqual(
      [...Array(100).keys()].map((index) => `R${index + 400}`),
    );
  });

  it('keeps the newest 10,000 of all', () => {
    const { log } = arrange();
    for (let index = 0; index < 10_050; index++) log.record(draft({}, { name: `p${index}` }));
    const events = log.list({});
    expect(events.length).toBe(10_000);
    expect(events[0]?.involved.name).toBe('p50');
  });

  it('cuts texts in whole characters', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 1_500 }),
        fc.constantFrom('', 'x'.repeat(1_020)),
        (text, head) => {
          const { log } = arrange();
          const message = head + text;
          log.record(draft({ message }, { name: message }));
          const [event] = log.list({});
          for (const [kept, most] of [
            [event?.message ?? '', 1_024],
            [event?.involved.name ?? '', 320],
          ] as const) {
            expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(most);
            if (kept === message) continue;
            expect(kept.endsWith('…')).toBe(true);
            expect(message.startsWith(kept.slice(0, -1))).toBe(true);
            expect(Buffer.byteLength(kept)).toBeGreaterThan(most - 8);
          }
        },
      ),
    );
  });
});

describe('filters', () => {
  it.each([
    [{}, ['a', 'b', 'c']],
    [{ namespace: 'default' }, ['a', 'c']],
    [{ kind: 'Volume' }, ['c']],
    [{ kind: 'Pod', name: 'b' }, ['b']],
    [{ namespace: 'default', name: 'b' }, []],
  ])('%j', (filter, names) => {
    const { log } = arrange();
    log.record(draft({}, { name: 'a' }));
    log.record(draft({}, { name: 'b', namespace: 'team' }));
    log.record(draft({}, { name: 'c', kind: 'Volume' }));
    expect(log.list(filter).map(({ involved }) => involved.name)).toEqual(names);
  });
});

describe('watching', () => {
  it('tells each of two readers what it asked for, also what only counts on', async () => {
    const { log } = arrange();
    log.record(draft());
    const stop = new AbortController();
    const all = log.watch({}, true, stop.signal)[Symbol.asyncIterator]();
    const other = log.watch({ name: 'other' }, false, stop.signal)[Symbol.asyncIterator]();
    log.record(draft());
    log.record(draft({}, { name: 'other' }));
    const seen = [await all.next(), await all.next(), await all.next()].map(({ value }) => value);
    expect(seen).toMatchObject([{ count: 1 }, { count: 2 }, { involved: { name: 'other' } }]);
    expect((await other.next()).value).toMatchObject({ involved: { name: 'other' }, count: 1 });
    stop.abort();
    expect(await Promise.all([all.next(), other.next()])).toMatchObject([{ done: true }, { done: true }]);
  });

  it('fails a reader that is too slow, and no other', async () => {
    const { log } = arrange();
    const slow = log.watch({}, false, NEVER)[Symbol.asyncIterator]();
    const spared = log.watch({ name: 'other' }, false, NEVER)[Symbol.asyncIterator]();
    for (let index = 0; index <= 4_096; index++) log.record(draft());
    log.record(draft({}, { name: 'other' }));
    await expect(slow.next()).rejects.toMatchObject({ code: 'resource-exhausted' });
    expect((await spared.next()).value).toMatchObject({ involved: { name: 'other' } });
    await spared.return?.();
  });
});

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
      { type: 'Normal', reason: 'SuccessfulMount', message: 'mounted at "/t"' },
    ],
    [
      { ...head, type: 'unmounted', target: '/t' },
      { type: 'Normal', reason: 'Unmounted', message: 'unmounted from "/t"' },
    ],
    [
      { ...head, type: 'mounted', target: 'v' },
      { type: 'Normal', reason: 'SuccessfulMount', message: 'mounted' },
    ],
    [
      { ...head, type: 'unmounted', target: 'v' },
      { type: 'Normal', reason: 'Unmounted', message: 'unmounted' },
    ],
    [
      { ...head, ...update, changedPaths: ['password'], propagationMs: 12.34 },
      { type: 'Normal', reason: 'Updated', message: 'updated: "password"' },
    ],
    [
      { ...head, ...update, changedPaths: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], propagationMs: undefined },
      { type: 'Normal', reason: 'Updated', message: 'updated: "a", "b", "c", "d", "e" and 2 more' },
    ],
    [
      { ...head, ...update, changedPaths: [], propagationMs: undefined },
      { type: 'Normal', reason: 'Updated', message: 'updated' },
    ],
    [
      { ...head, type: 'update-skipped', target: '/t', message: '"app.conf" at "/t" keeps what it was mounted with' },
      {
        type: 'Warning',
        reason: 'UpdateSkipped',
        message: '"app.conf" at "/t" keeps what it was mounted with',
      },
    ],
    [
      { ...head, type: 'failed', reason: 'FailedMount', message: 'Secret team/db does not exist' },
      { type: 'Warning', reason: 'FailedMount', message: 'Secret team/db does not exist' },
    ],
    [
      { ...head, type: 'failed', reason: 'FailedUpdate', message: 'the pool is full' },
      { type: 'Warning', reason: 'FailedUpdate', message: 'the pool is full' },
    ],
    [
      { ...head, type: 'recovered', message: 'it is well again' },
      { type: 'Normal', reason: 'Recovered', message: 'it is well again' },
    ],
    [
      { ...head, type: 'warning', reason: 'PathOverwritten', message: 'two write "a"' },
      { type: 'Warning', reason: 'PathOverwritten', message: 'two write "a"' },
    ],
    [
      { ...head, type: 'warning', reason: 'TokenRefreshFailed', message: 'no token' },
      { type: 'Warning', reason: 'TokenRefreshFailed', message: 'no token' },
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

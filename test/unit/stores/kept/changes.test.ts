import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChangeHistory } from '../../../../src/stores/kept/changes.ts';
import type { ObjectEvent } from '../../../../src/stores/store.ts';
import { secretDraft, stored } from '../../../support/objects/builders.ts';

const START = 1_000;

function event(revision: number, size = 0): ObjectEvent {
  return { type: 'modified', object: stored(secretDraft('db', { value: Buffer.alloc(size) })), revision };
}

describe('change history', () => {
  test('after any revision it still knows comes exactly what was appended after it', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 200 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 40 }), (steps, events) => {
        const history = new ChangeHistory(START, { events, bytes: Number.MAX_SAFE_INTEGER });
        const appended: number[] = [];
        let revision = START;
        for (const step of steps) {
          revision += step;
          history.append(event(revision));
          appended.push(revision);
        }
        const kept = appended.slice(-events);
        expect(history.head).toBe(appended.at(-1) ?? START);
        expect(history.floor).toBe(appended.at(-events - 1) ?? START);
        for (let from = history.floor; from <= history.head; from++) {
          expect(history.after(from)?.revision).toBe(kept.find((candidate) => candidate > from));
        }
      }),
    );
  });

  test('bytes are bounded too, but the newest event always stays', () => {
    const history = new ChangeHistory(0, { events: 100, bytes: 10_000 });
    for (const revision of [1, 2, 3, 4]) history.append(event(revision, 4_000));
    expect(history.floor).toBe(2);
    history.append(event(5, 50_000));
    expect(history.floor).toBe(4);
    expect(history.after(4)?.revision).toBe(5);
    history.append(event(6, 10));
    history.append(event(7, 10));
    expect(history.floor).toBe(5);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { LanternError } from '../../../src/base/errors.ts';
import { callsInOrder, dependsOn } from '../../../src/cli/calls-in-order.ts';
import type { ObjectKind } from '../../../src/objects/object.ts';
import { RecordedTerminal } from '../../support/suite/recorded-terminal.ts';

type Item = { readonly key: number; readonly ends: 'well' | 'badly' };
const items = fc.array(
  fc.record<Item>({ key: fc.nat(20), ends: fc.constantFrom<Item['ends']>('well', 'well', 'badly') }),
  { maxLength: 80 },
);

/** Runs the calls, which end in an order of the scheduler's. */
async function run(scheduler: fc.Scheduler, all: readonly Item[], broken = Number.POSITIVE_INFINITY) {
  const said: string[] = [];
  const terminal = Object.assign(new RecordedTerminal(), { complain: (text: string) => void said.push(text) });
  const begun: number[] = [];
  const underWay = new Set<Item>();
  let most = 0;
  const done = callsInOrder({ terminal, clock: systemClock }, all, {
    doing: 'calling',
    call: async (item) => {
      const index = all.indexOf(item);
      begun.push(index);
      expect([...underWay].filter(({ key }) => key === item.key)).toEqual([]);
      underWay.add(item);
      most = Math.max(most, underWay.size);
      await scheduler.schedule(Promise.resolve());
      underWay.delete(item);
      if (index >= broken) throw new LanternError('unavailable', `gone at ${index}`);
      if (item.ends === 'badly') throw new LanternError('internal', `bad ${index}`);
      return index;
    },
    tell: (answer) => said.push(`well ${answer}`),
    follows: (one, other) => one.key === other.key,
  });
  const outcome = done.then(
    (allWell) => allWell,
    (error: Error) => error.message,
  );
  await scheduler.waitFor(outcome);
  return { outcome: await outcome, said, begun, most };
}

const sayings = (all: readonly Item[]) =>
  all.map(({ ends }, index) => (ends === 'well' ? `well ${index}` : `lantern: bad ${index}`));

test('whatever ends first, answers and errors come in the order of the items', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), items, async (scheduler, all) => {
      const { outcome, said, begun, most } = await run(scheduler, all);
      expect(said).toEqual(sayings(all));
      expect(begun).toEqual([...all.keys()]);
      expect(outcome).toBe(all.every(({ ends }) => ends === 'well'));
      expect(most).toBeLessThanOrEqual(32);
    }),
  );
});

test('after the daemon is gone no call is begun for long, and what was answered is told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), items, fc.nat(79), async (scheduler, all, broken) => {
      fc.pre(broken < all.length);
      const { outcome, said, begun } = await run(scheduler, all, broken);
      expect(outcome).toBe(`gone at ${broken}`);
      expect(said).toEqual(sayings(all).slice(0, broken));
      expect(begun.length).toBeLessThanOrEqual(broken + 32);
    }),
  );
});

test('several calls are under way', async () => {
  const all = Array.from({ length: 40 }, (_, key): Item => ({ key, ends: 'well' }));
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      expect((await run(scheduler, all)).most).toBe(32);
    }),
    { numRuns: 5 },
  );
});

test.each<[ObjectKind, string, ObjectKind, string, boolean]>([
  ['Secret', 'a', 'Secret', 'b', false],
  ['Secret', 'a', 'ConfigMap', 'a', false],
  ['Secret', 'a', 'Secret', 'a', true],
  ['Secret', 'token', 'ServiceAccount', 'robot', true],
  ['ServiceAccount', 'robot', 'Secret', 'token', true],
])('%s %s waits for %s %s: %s', (kind, name, earlierKind, earlierName, waits) => {
  const ref = { kind, name, namespace: 'default' };
  expect(dependsOn(ref, { kind: earlierKind, name: earlierName, namespace: 'default' })).toBe(waits);
});

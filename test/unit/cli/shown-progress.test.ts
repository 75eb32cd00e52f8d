import { expect, test } from 'vitest';
import { ShownProgress } from '../../../src/cli/shown-progress.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { RecordedTerminal } from '../../support/suite/recorded-terminal.ts';

/** A terminal at stderr; `drawn` has every line, and null where it was removed. */
function world() {
  const clock = new ManualClock();
  const drawn: (string | null)[] = [];
  const line = { draw: (text: string) => void drawn.push(text), [Symbol.dispose]: () => void drawn.push(null) };
  const terminal = Object.assign(new RecordedTerminal(), { openStatus: async () => line });
  return { clock, drawn, cli: { clock, terminal } };
}

/** The line is opened by the time that this resolves. */
const opened = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

test('shorter work shows nothing', async () => {
  const { clock, drawn, cli } = world();
  {
    using progress = new ShownProgress(cli);
    progress.begin('applying objects', 2);
    clock.advance(699);
    progress.step();
  }
  clock.advance(10_000);
  await opened();
  expect(drawn).toEqual([]);
});

test('nothing waits or is drawn where stderr is not a terminal', () => {
  const clock = new ManualClock();
  using progress = new ShownProgress({ clock, terminal: new RecordedTerminal() });
  progress.begin('applying objects', 2);
  progress.step();
  expect(clock.pending).toBe(0);
});

test('longer work is drawn ten times a second, until it is over', async () => {
  const { clock, drawn, cli } = world();
  {
    using progress = new ShownProgress(cli);
    progress.begin('applying objects', 5_000);
    clock.advance(700);
    await opened();
    clock.advance(1_000);
    for (let done = 0; done < 1_234; done++) progress.step();
    clock.advance(2_300);
  }
  expect(drawn).toHaveLength(1 + 10 + 23 + 1);
  expect(drawn.slice(-2)).toEqual(['applying objects: 1,234 of 5,000, 309/s, 12s left', null]);
  clock.advance(10_000);
  expect(drawn.at(-1)).toBeNull();
});

test.each<[string, number | undefined, number, string]>([
  ['mounting pods', 3, 0, 'mounting pods: 0 of 3, 90s'],
  ['mounting pods', 3, 1, 'mounting pods: 1 of 3, 0.0/s, 3m left'],
  ['waiting', undefined, 0, 'waiting: 90s'],
  ['reading objects', undefined, 1_080, 'reading objects: 1,080, 12/s'],
  ['reading objects', undefined, 720, 'reading objects: 720, 8.0/s'],
])('%s, %s, %i', async (what, total, done, text) => {
  const { clock, drawn, cli } = world();
  using progress = new ShownProgress(cli);
  progress.begin('something before', 1);
  clock.advance(1_000);
  await opened();
  progress.begin(what, total);
  for (let count = 0; count < done; count++) progress.step();
  clock.advance(90_000);
  expect(drawn.at(-1)).toBe(text);
});

import { readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { expect, it, vi } from 'vitest';
import { parserHere } from '../../src/spec/parser/parse-tasks.ts';
import { ThreadParser } from '../../src/spec/parser/thread-parser.ts';
import { ManualClock } from '../support/suite/clocks.ts';
import { compiled } from '../support/suite/compiled.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

const script = () => pathToFileURL(compiled('src/spec/parser/parse-thread.ts'));
const NEVER = new AbortController().signal;
const threads = () => readdirSync('/proc/self/task').length;
const manifest = (count: number) =>
  Array.from({ length: count }, (_, index) => `k${index}: v${index}`).reduce(
    (text, line) => `${text}  ${line}\n`,
    'apiVersion: v1\nkind: Secret\nmetadata: {name: large}\nstringData:\n',
  );
const input = (count: number) => ({
  document: { text: manifest(count), line: 1 },
  before: 0,
  defaultNamespace: 'default',
});

it('gives what is given without a thread, bytes and maps among it, and faults alike', async () => {
  await using parser = new ThreadParser({ script, clock: new ManualClock() });
  const expected = await parserHere.run('manifest', input(3_000), NEVER);
  expect(expected.drafts).toHaveLength(1);
  expect(await parser.run('manifest', input(3_000), NEVER)).toEqual(expected);
  const raw = { secret: { secretName: 'A', items: Array.from({ length: 500 }, () => ({ key: '', path: '..' })) } };
  const faults = await parserHere.run('source', { raw, root: 'spec' }, NEVER);
  expect(faults.ok ? 0 : faults.faults.length).toBe(101);
  expect(await parser.run('source', { raw, root: 'spec' }, NEVER)).toEqual(faults);
});

it('has a thread only while there is something large to parse', async () => {
  const clock = new ManualClock();
  await using parser = new ThreadParser({ script, clock });
  const before = threads();
  await parser.run('manifest', input(10), NEVER);
  expect(threads()).toBe(before);
  await parser.run('manifest', input(3_000), NEVER);
  expect(threads()).toBeGreaterThan(before);
  clock.advance(10_000);
  await vi.waitFor(() => expect(threads()).toBe(before));
  await parser.run('manifest', input(3_000), NEVER);
});

it('refuses what takes more memory than its thread has, and goes on', async () => {
  await using parser = new ThreadParser({ script, clock: new ManualClock(), heapMib: 24 });
  const error = await rejectionOf(parser.run('manifest', input(29_000), NEVER));
  expect(error.code).toBe('resource-exhausted');
  expect(error.message).toBe('parse a text: it takes more memory than a text may; split it');
  expect((await parser.run('manifest', input(1_000), NEVER)).drafts).toHaveLength(1);
});

it('gives up on what takes too long', async () => {
  const clock = new ManualClock();
  await using parser = new ThreadParser({ script, clock });
  const result = rejectionOf(parser.run('manifest', input(20_000), NEVER));
  await vi.waitFor(() => expect(clock.pending).toBeGreaterThan(0));
  clock.advance(20_000);
  expect((await result).message).toBe('parse a text: it takes more than 20 s; split it');
  expect((await parser.run('manifest', input(1_000), NEVER)).drafts).toHaveLength(1);
});

it('lets those who wait leave, and lets no more wait than it can hold', async () => {
  await using parser = new ThreadParser({ script, clock: new ManualClock() });
  const stop = new AbortController();
  const first = parser.run('manifest', input(3_000), NEVER);
  const waiting = Array.from({ length: 63 }, () => parser.run('manifest', input(3_000), stop.signal));
  const waited = Promise.allSettled(waiting);
  expect((await rejectionOf(parser.run('manifest', input(3_000), NEVER))).code).toBe('resource-exhausted');
  stop.abort(new Error('no more patience'));
  const left = await waited;
  for (const result of left)
    expect(result).toMatchObject({ status: 'rejected', reason: { message: 'no more patience' } });
  expect((await first).drafts).toHaveLength(1);
});

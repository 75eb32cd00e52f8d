import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SeenHistory } from '../../../../src/stores/etcd/history.ts';
import { EtcdSeen } from '../../../../src/stores/etcd/seen.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { LogLines } from '../../../support/suite/log-lines.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const SEEN: SeenHistory = { id: 'the-id', cluster: 'cdf818194e3a8c32', revision: 120, term: 2n };

const directory = new TempDir('/dev/shm');
afterAll(() => directory[Symbol.dispose]());

let count = 0;
let path: string;
beforeEach(() => {
  count += 1;
  mkdirSync(directory.at(`${count}`));
  path = directory.at(`${count}/seen.json`);
});

async function open() {
  const [clock, lines] = [new ManualClock(), new LogLines()];
  return { seen: await EtcdSeen.open({ path, clock, log: lines.log }), clock, lines };
}

describe('what is kept for the next daemon', () => {
  const revision = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const cluster = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((id) => id.toString(16));
  const term = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

  test('is what was seen, whatever it is', async () => {
    const histories = fc.record({ id: fc.uuid(), cluster, revision, term });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const { seen } = await open();
        seen.keep({ seen: history });
        await seen[Symbol.asyncDispose]();
        expect((await open()).seen.before).toEqual(history);
      }),
      { numRuns: 30 },
    );
  });

  test('is there at once when asked for, falls behind by two seconds otherwise, and is nobody else to read', async () => {
    const { seen, clock, lines } = await open();
    const history = { seen: SEEN };
    seen.keep(history);
    expect(existsSync(path)).toBe(false);
    await seen.save();
    expect((await open()).seen.before).toEqual(SEEN);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    history.seen = { ...SEEN, revision: 121 };
    clock.advance(2_000);
    await vi.waitFor(async () => expect((await open()).seen.before?.revision).toBe(121));
    await seen[Symbol.asyncDispose]();
    expect(lines.lines).toEqual([]);
  });

  test('is written when there is news only, and stays as it is while the history cannot be told', async () => {
    const { seen } = await open();
    const history: { seen: SeenHistory | undefined } = { seen: SEEN };
    seen.keep(history);
    await seen.save();
    const { ino } = statSync(path);
    await seen.save();
    history.seen = undefined;
    await seen[Symbol.asyncDispose]();
    expect(statSync(path).ino).toBe(ino);
    expect((await open()).seen.before).toEqual(SEEN);
  });
});

const GOOD = { version: 1, ...SEEN, term: '2' };

describe('a file that cannot be used is left out of account, with a warning, and replaced', () => {
  test.each<[string, string]>([
    ['nothing', ''],
    ['half of it', JSON.stringify(GOOD).slice(0, 40)],
    ['zeros', '\0'.repeat(200)],
    ['a list', '[]'],
    ['another version', JSON.stringify({ ...GOOD, version: 2 })],
    ['something more', JSON.stringify({ ...GOOD, more: 1 })],
    ['no id', JSON.stringify({ ...GOOD, id: '' })],
    ['a cluster that is none', JSON.stringify({ ...GOOD, cluster: '../x' })],
    ['a revision that is no whole number', JSON.stringify({ ...GOOD, revision: 1.5 })],
    ['a revision past every number', JSON.stringify({ ...GOOD, revision: 2 ** 60 })],
    ['a term that is no number', JSON.stringify({ ...GOOD, term: 'zwei' })],
    ['too much', JSON.stringify({ ...GOOD, id: 'i'.repeat(5_000) })],
  ])('%s', async (_, text) => {
    writeFileSync(path, text);
    const { seen, lines } = await open();
    expect(seen.before).toBeUndefined();
    expect(lines.lines.join()).toContain(path);
    seen.keep({ seen: SEEN });
    await seen[Symbol.asyncDispose]();
    expect((await open()).seen.before).toEqual(SEEN);
  });

  test('a link: what it names stays as it is', async () => {
    const other = directory.at(`${count}/other`);
    writeFileSync(other, JSON.stringify(GOOD));
    symlinkSync(other, path);
    const { seen } = await open();
    expect(seen.before).toBeUndefined();
    seen.keep({ seen: { ...SEEN, revision: 500 } });
    await seen[Symbol.asyncDispose]();
    expect(JSON.parse(readFileSync(other, 'utf8'))).toEqual(GOOD);
  });

  test('a directory: said once, however often it is tried', async () => {
    mkdirSync(path);
    const { seen, lines } = await open();
    lines.clear();
    const history = { seen: SEEN };
    seen.keep(history);
    for (let revision = 200; revision < 203; revision++) {
      history.seen = { ...SEEN, revision };
      await seen.save();
    }
    await seen[Symbol.asyncDispose]();
    expect(lines.lines).toHaveLength(1);
  });
});

test('no file is no reason for a warning', async () => {
  const { seen, lines } = await open();
  expect([seen.before, lines.lines]).toEqual([undefined, []]);
});

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '../../../../src/base/log.ts';
import { engineProcess } from '../../../../src/rpc/docker/engine-process.ts';
import { type KeptVolume, KeptVolumes } from '../../../../src/rpc/docker/kept-volumes.ts';
import { rejectionOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const VOLUME: KeptVolume = {
  options: new Map([
    ['spec', '{"secret":{"secretName":"db"}}'],
    ['__proto__', 'x'],
  ]),
  createdAt: 1_795_977_499_393,
  uses: new Map([['a'.repeat(64), { engine: engineProcess(process.pid), since: 1_795_977_500_906 }]]),
};

let dir: TempDir;
let lines: string[];

beforeEach(() => {
  dir = new TempDir();
  lines = [];
});

afterEach(() => {
  dir[Symbol.dispose]();
});

const open = () =>
  KeptVolumes.open(dir.at('state'), createLog('info', 'json', { write: (line) => void lines.push(line) }));

test('what is saved is read again, and what is removed is not', async () => {
  {
    using kept = await open();
    for (const name of ['db', 'db.json', 'db.json.new', 'lock']) await kept.save(name, VOLUME);
    await kept.remove('db');
  }
  using kept = await open();
  expect(kept.names).toEqual(['db.json', 'db.json.new', 'lock']);
  expect(kept.get('lock')).toEqual(VOLUME);
  expect(statSync(dir.at('state')).mode & 0o777).toBe(0o700);
  expect(statSync(dir.at('state/lock.json')).mode & 0o777).toBe(0o600);
});

test('after a reboot the volumes are there, and their uses are over', async () => {
  {
    using kept = await open();
    const uses = new Map([...VOLUME.uses, ['b', { engine: 'another-boot 1 2', since: 0 }]]);
    await kept.save('db', { ...VOLUME, uses });
  }
  using kept = await open();
  expect(kept.get('db')).toEqual(VOLUME);
});

test('two daemons cannot have the same volumes', async () => {
  using _first = await open();
  expect(await rejectionOf(open())).toMatchObject({ code: 'failed-precondition' });
});

test.each([
  ['is empty', ''],
  ['is cut off', '{"options":{"secretName":"db"'],
  ['has a field too many', '{"options":{},"createdAt":0,"uses":{},"more":1}'],
  ['has a use without an engine', '{"options":{},"createdAt":0,"uses":{"a":{"since":0}}}'],
  ['is too large', ' '.repeat(1024 * 1024 + 1)],
])('a file that %s is reported, left alone, and costs its volume only', async (_name, text) => {
  (await open())[Symbol.dispose]();
  writeFileSync(dir.at('state/bad.json'), text);
  const good = { options: { secretName: 'hunter2' }, createdAt: 0, uses: {} };
  writeFileSync(dir.at('state/good.json'), JSON.stringify(good));
  using kept = await open();
  expect(kept.names).toEqual(['good']);
  expect(readFileSync(dir.at('state/bad.json'), 'utf8')).toBe(text);
  expect(lines).toEqual([expect.stringContaining('bad.json')]);
});

test('what a crash left half written is removed', async () => {
  (await open())[Symbol.dispose]();
  writeFileSync(dir.at('state/db.json.new'), '{');
  using _kept = await open();
  expect(readdirSync(dir.at('state'))).toEqual(['lock']);
});

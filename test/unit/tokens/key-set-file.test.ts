import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { abortable } from '../../../src/base/clock.ts';
import { SIGNING_KEYS } from '../../../src/objects/object.ts';
import { KeySetFile } from '../../../src/tokens/key-set-file.ts';
import { secretDraft } from '../../support/objects/builders.ts';
import { SigningWorld, tokenRequest, verified } from '../../support/projection/signing-world.ts';
import { LogLines } from '../../support/suite/log-lines.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

const NEVER = new AbortController().signal;
const WRITTEN = 'public keys written';

let directory: TempDir;
let world: SigningWorld;
let log: LogLines;
let file: KeySetFile | undefined;
beforeEach(async () => {
  directory = new TempDir();
  world = new SigningWorld();
  log = new LogLines();
  // Making the keys is a change of them, which would hide that nothing else rings.
  await world.keys.current(NEVER);
});
afterEach(async () => {
  await file?.[Symbol.asyncDispose]();
  file = undefined;
  directory[Symbol.dispose]();
});

async function start(path = directory.at('jwks.json')): Promise<void> {
  file = new KeySetFile({ ...world, path, log: log.log });
  await file.start(NEVER);
}

const read = (path = directory.at('jwks.json')) => JSON.parse(readFileSync(path, 'utf8'));

async function waitForTimer(): Promise<void> {
  while (world.clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
}

test('the file is there when the start is over, for everybody to read whatever the umask', async () => {
  const before = process.umask(0o077);
  try {
    await start();
  } finally {
    process.umask(before);
  }
  expect(read()).toEqual(await world.signer.publicKeys(NEVER));
  expect(statSync(directory.at('jwks.json')).mode & 0o777).toBe(0o644);
  const { token } = await world.signer.issue(tokenRequest(), NEVER);
  await verified(token, read(), world.clock.now());
});

test('it follows a rotation, also of another daemon', async () => {
  await start();
  await log.line(WRITTEN);
  log.clear();
  const keyId = await new SigningWorld(world).signer.rotate(NEVER);
  await log.line(WRITTEN);
  expect(read().keys.map(({ kid }: { kid: string }) => kid)[0]).toBe(keyId);
  expect(read().keys).toHaveLength(2);
});

test('a key whose time is over leaves it within a day', async () => {
  await start();
  const keyId = await world.signer.rotate(NEVER);
  while (read().keys.length < 2) await new Promise((resolve) => setImmediate(resolve));
  for (let day = 0; day < 2; day++) {
    await waitForTimer();
    log.clear();
    world.clock.advance(86_400_000);
  }
  await log.line(WRITTEN);
  expect(read().keys.map(({ kid }: { kid: string }) => kid)).toEqual([keyId]);
});

test('what an earlier daemon left unfinished is no obstacle, and a link there is not followed', async () => {
  writeFileSync(directory.at('precious'), 'precious');
  symlinkSync(directory.at('precious'), directory.at('jwks.json.new'));
  writeFileSync(directory.at('jwks.json'), '{"keys": [');
  await start();
  expect(read()).toEqual(await world.signer.publicKeys(NEVER));
  expect(readFileSync(directory.at('precious'), 'utf8')).toBe('precious');
  expect(readdirSync(directory.path).sort()).toEqual(['jwks.json', 'precious']);
});

test('a directory that is missing is logged, and the file is written once it is there', async () => {
  const path = directory.at('later', 'jwks.json');
  await start(path);
  expect(await log.line(path)).toContain('ENOENT');
  mkdirSync(directory.at('later'));
  await waitForTimer();
  world.clock.advance(1_000);
  await log.line(WRITTEN);
  expect(read(path)).toEqual(await world.signer.publicKeys(NEVER));
});

test('damaged keys are logged without a byte of them; the file stays as it was until they are whole again', async () => {
  await start();
  const before = read();
  log.clear();
  const { namespace, name } = SIGNING_KEYS;
  const damaged = secretDraft(
    name,
    { 'keys.json': '"pl4nted' },
    { metadata: { namespace }, type: 'lantern.dev/signing-keys' },
  );
  await world.store.apply(damaged, { createOnly: false, dryRun: false }, NEVER);
  await log.line('restore it from a backup');
  expect(read()).toEqual(before);
  await world.store.delete(SIGNING_KEYS, undefined, NEVER);
  await log.line(WRITTEN);
  expect(read()).toEqual(await world.signer.publicKeys(NEVER));
  expect(log.lines.join()).not.toContain('pl4nted');
});

test('a store that hangs holds up neither a start that is given up nor the end', async () => {
  const hanging = new SigningWorld();
  hanging.store.get = (_ref, signal) => abortable(new Promise(() => {}), signal);
  file = new KeySetFile({ ...hanging, path: directory.at('jwks.json'), log: log.log });
  const giveUp = new AbortController();
  const starting = file.start(giveUp.signal);
  giveUp.abort();
  await expect(starting).rejects.toMatchObject({ name: 'AbortError' });
  await file[Symbol.asyncDispose]();
  expect(readdirSync(directory.path)).toEqual([]);
});

test('the end leaves no timer, and writes nothing any more', async () => {
  await start();
  await waitForTimer();
  await file?.[Symbol.asyncDispose]();
  expect(world.clock.pending).toBe(0);
  rmSync(directory.at('jwks.json'));
  await world.signer.rotate(NEVER);
  expect(readdirSync(directory.path)).toEqual([]);
});

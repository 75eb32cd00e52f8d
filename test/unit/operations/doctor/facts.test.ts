import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { type DoctorFacts, type DoctorOptions, gatherFacts } from '../../../../src/operations/doctor/facts.ts';
import { RpcFixture } from '../../../support/projection/rpc-fixture.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

let directory: TempDir;

beforeEach(() => {
  directory = new TempDir('/dev/shm');
});

afterEach(() => {
  directory[Symbol.dispose]();
});

function facts(change: Partial<DoctorOptions> = {}): Promise<DoctorFacts> {
  const options: DoctorOptions = {
    runDirectory: directory.at('run'),
    lanternSocket: directory.at('run', 'lantern.sock'),
    csiSocket: directory.at('run', 'csi', 'csi.sock'),
    credentialsSocket: undefined,
    dockerSocket: undefined,
    publisher: 'auto',
    allowDisk: false,
    requireNoswap: false,
    poolBytes: 2 ** 26,
    poolTotalBytes: undefined,
    store: 'embedded',
    dataDirectory: directory.at('data'),
    keyFiles: [directory.at('key')],
    host: 'generic',
    driverName: 'driver.example',
    targetRoots: [],
    ...change,
  };
  const probe = async () => ({ works: false as const, obstacle: 'not tried here' });
  return gatherFacts(options, { probe, clock: systemClock, signal: new AbortController().signal });
}

test('nothing there yet', async () => {
  expect(await facts()).toMatchObject({
    nodeVersion: process.version,
    uid: process.geteuid?.(),
    bind: { works: false },
    sharedMemory: 'usable',
    isRunDirectoryInMemory: true,
    runDirectory: { path: directory.at('run'), state: 'missing' },
    sockets: [{ state: 'missing' }, { state: 'missing' }],
    health: { status: 'unreachable', problem: 'the socket does not exist' },
    pools: 0,
    dataDirectory: { state: 'missing' },
    hasDatabase: false,
    keyFiles: [{ state: 'missing' }],
    kubernetes: undefined,
    // What tests run on has them.
    missingCalls: [],
  });
});

test('what is there, by type and mode, links not followed', async () => {
  mkdirSync(directory.at('run'));
  chmodSync(directory.at('run'), 0o1750);
  writeFileSync(directory.at('key'), '');
  chmodSync(directory.at('key'), 0o640);
  symlinkSync(directory.at('run'), directory.at('data'));
  const uid = process.geteuid?.();
  expect(await facts()).toMatchObject({
    runDirectory: { state: 'there', type: 'directory', mode: 0o1750, uid },
    keyFiles: [{ state: 'there', type: 'file', mode: 0o640, uid }],
    dataDirectory: { state: 'there', type: 'other' },
  });
});

test('a file where a directory should be on the way is as good as nothing', async () => {
  writeFileSync(directory.at('run'), '');
  expect((await facts()).sockets).toMatchObject([{ state: 'missing' }, { state: 'missing' }]);
});

test('a run directory on another file system than memory', async () => {
  expect((await facts({ runDirectory: '/proc/none' })).isRunDirectoryInMemory).toBe(false);
});

test('a daemon that serves', async () => {
  await using fixture = await RpcFixture.start();
  const { lanternSocket, csiSocket } = fixture;
  expect(await facts({ lanternSocket, csiSocket })).toMatchObject({
    health: { status: 'serving' },
    storeHealth: { status: 'serving' },
    sockets: [
      { type: 'socket', mode: 0o600 },
      { type: 'socket', mode: 0o600 },
    ],
  });
});

test("the kubelet's directories, beside the first target root", async () => {
  mkdirSync(directory.at('pods'));
  mkdirSync(directory.at('plugins_registry'));
  writeFileSync(directory.at('plugins_registry', 'driver.example-reg.sock'), '');
  expect((await facts({ host: 'kubernetes', targetRoots: [directory.at('pods')] })).kubernetes).toMatchObject({
    pods: { path: directory.at('pods'), type: 'directory' },
    registry: { path: directory.at('plugins_registry'), type: 'directory' },
    registration: { state: 'there' },
  });
});

test('sockets that are configured', async () => {
  const dockerSocket = directory.at('plugins', 'lantern.sock');
  const { sockets } = await facts({ dockerSocket });
  expect(sockets.map(({ path }) => path)).toContain(dockerSocket);
  expect(sockets).toHaveLength(3);
});

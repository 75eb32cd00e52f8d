import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { PageClient, type Stream } from '../support/browser/page-client.ts';
import { freePort } from '../support/host/process.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { CommandLine } from '../support/suite/command-line.ts';
import { compiled } from '../support/suite/compiled.ts';
import { rejectionOf } from '../support/suite/expectations.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const PLANTED = ['pl4nted-one', 'pl4nted-two'];

describe('the live page of a daemon', () => {
  let harness: DaemonHarness;
  let client: PageClient;
  let address: string;
  let session: string;
  let stream: Stream;

  beforeAll(async () => {
    client = new PageClient(await freePort());
    harness = await DaemonHarness.start({ publisher: 'direct', pageAddress: `127.0.0.1:${client.port}` });
    address = (await harness.client.page.open({})).url;
    session = await client.exchange(address);
    stream = await client.follow(session);
    await stream.until('listed');
  });

  afterAll(async () => {
    stream[Symbol.dispose]();
    await harness[Symbol.asyncDispose]();
  });

  test('shows a volume through its life', async () => {
    const { projector, objects } = harness.client;
    await harness.applySecret('keys', { key: PLANTED[0] ?? '' });
    const source = { secret: { secretName: 'keys' } };
    await projector.mount({ volumeId: 'keys', targetPath: harness.target('keys'), definition: { source } });
    expect(await stream.next('volumes')).toMatchObject([
      {
        id: 'keys',
        namespace: 'default',
        state: 'ready',
        files: 1,
        objects: { items: [{ kind: 'Secret', name: 'keys', revision: expect.any(Number) }], more: 0 },
        targets: { items: [harness.target('keys')], more: 0 },
        swaps: [],
      },
    ]);
    await harness.applySecret('keys', { key: PLANTED[1] ?? '' });
    expect(await stream.next('volumes')).toMatchObject([{ state: 'ready', swaps: [expect.any(Number)] }]);
    await objects.delete({ ref: { kind: 'Secret', name: 'keys' } });
    expect(await stream.next('volumes')).toMatchObject([{ state: 'stale', reason: expect.stringContaining('keys') }]);
    expect(await stream.next('summary')).toMatchObject({ volumes: { ready: 0, stale: 1 }, targets: 1 });
    await harness.applySecret('keys', { key: PLANTED[1] ?? '' });
    expect(await stream.next('volumes')).toMatchObject([{ state: 'ready' }]);
    await projector.unmount({ volumeId: 'keys', targetPath: '' });
    expect(await stream.next('gone')).toEqual(['keys']);
  });

  test('sends no value of an object, and none of its tokens is in the log', () => {
    const encoded = PLANTED.map((value) => Buffer.from(value).toString('base64'));
    expect([...PLANTED, ...encoded].filter((value) => stream.text.includes(value))).toEqual([]);
    const log = harness.logLines.join('\n');
    expect(log).toContain('lantern.v1.Page/Open');
    expect([new URL(address).hash.slice(1), session].filter((token) => log.includes(token))).toEqual([]);
  });

  test('ends every session when it ends', async () => {
    await harness.restart();
    await expect(client.follow(session)).rejects.toThrow('401');
    stream = await client.follow(await client.exchange((await harness.client.page.open({})).url));
  });
});

test('the command serves the page that its bundle has beside it', async () => {
  await using shell = new CommandLine();
  const client = new PageClient(await freePort());
  await shell.serve('--store', 'memory', '--page-address', `127.0.0.1:${client.port}`);
  const address = (await shell.output('page')).trim();
  expect(address).toContain(`http://127.0.0.1:${client.port}/#`);
  expect(await client.ask('/')).toMatchObject({ status: 200, body: expect.stringContaining('src="page.js"') });
  expect((await client.ask('/page.js')).status).toBe(200);
  using stream = await client.follow(await client.exchange(address));
  expect(await stream.next('start')).toMatchObject({ publisher: 'direct', store: 'memory' });
});

test('without the option nothing listens, and the call says how to turn it on', async () => {
  await using harness = await DaemonHarness.start({ publisher: 'direct' });
  expect(await rejectionOf(harness.client.page.open({}))).toMatchObject({
    code: 'failed-precondition',
    message: 'open the page: it is off; start the daemon with --page-address 127.0.0.1:9465',
  });
});

describe('lantern page', () => {
  let harness: DaemonHarness;
  let directory: TempDir;

  beforeAll(async () => {
    directory = new TempDir('/dev/shm');
    mkdirSync(directory.at('bin'));
    harness = await DaemonHarness.start({ publisher: 'direct', pageAddress: `127.0.0.1:${await freePort()}` });
  });

  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });

  const start = (...args: readonly string[]) => {
    const env = { ...process.env, LANTERN_SOCKET: harness.lanternSocket, PATH: `${directory.at('bin')}:/nonexistent` };
    const command = spawn(process.execPath, [compiled('src/main.ts'), 'page', ...args], {
      env: { ...env, XDG_RUNTIME_DIR: directory.path },
    });
    const lines = (stream: NodeJS.ReadableStream) => createInterface({ input: stream })[Symbol.asyncIterator]();
    return { command, exit: once(command, 'exit'), out: lines(command.stdout), errors: lines(command.stderr) };
  };

  test('prints an address that opens the page, and nothing else', async () => {
    const { out, errors, exit } = start();
    const address = String((await out.next()).value);
    await new PageClient(Number(new URL(address).port)).exchange(address);
    expect([(await out.next()).done, (await errors.next()).done, await exit]).toEqual([true, true, [0, null]]);
  });

  test('--open gives the browser a file that only this user can read, and takes it away', async () => {
    const given = directory.at('given');
    writeFileSync(
      directory.at('bin/xdg-open'),
      `#!/bin/sh\nprintf %s "$1" > ${given}.part && mv ${given}.part ${given}\n`,
    );
    writeFileSync(directory.at('bin/mv'), '#!/bin/sh\nexec /bin/mv "$@"\n');
    for (const name of ['xdg-open', 'mv']) chmodSync(directory.at('bin', name), 0o755);
    const { command, out, exit } = start('--open');
    const address = String((await out.next()).value);
    await vi.waitFor(() => expect(existsSync(given)).toBe(true));
    const argument = readFileSync(given, 'utf8');
    expect(argument).not.toContain(new URL(address).hash.slice(1));
    const file = fileURLToPath(argument);
    expect(readFileSync(file, 'utf8')).toContain(`url=${address}"`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    command.kill('SIGINT');
    await exit;
    expect(existsSync(file)).toBe(false);
  });

  test('--open ends at a signal also while the opener stays, as one does that became the browser', async () => {
    const started = directory.at('started');
    const script = `#!/bin/sh\necho $$ > ${started}.part\n/bin/mv ${started}.part ${started}\nexec /bin/sleep 600\n`;
    writeFileSync(directory.at('bin/xdg-open'), script, { mode: 0o755 });
    const { command, exit } = start('--open');
    await vi.waitFor(() => expect(existsSync(started)).toBe(true));
    command.kill('SIGINT');
    try {
      expect(await exit).toEqual([1, null]);
    } finally {
      process.kill(Number(readFileSync(started, 'utf8')));
    }
  });

  test('--open without an opener says what to do', async () => {
    writeFileSync(directory.at('bin/xdg-open'), '#!/bin/sh\nexit 3\n');
    chmodSync(directory.at('bin/xdg-open'), 0o755);
    const { errors, exit } = start('--open');
    expect((await errors.next()).value).toBe(
      'lantern: open the page in a browser: xdg-open ended with 3; open the printed address yourself',
    );
    expect(await exit).toEqual([1, null]);
  });
});

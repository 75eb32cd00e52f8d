import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PluginClient } from '../support/docker/plugin-client.ts';
import { isRoot, mayMount } from '../support/host/privileges.ts';
import { DaemonHarness, mountsBelow } from '../support/projection/daemon-harness.ts';
import { rejectionOf } from '../support/suite/expectations.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const SECRET = { password: 'S3cr3t-hunter2' };
const ID = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

describe.each(['direct', ...(mayMount ? ['bind'] : [])])('the plugin with the %s publisher', (publisher) => {
  let sockets: TempDir;
  let harness: DaemonHarness;
  let plugin: PluginClient;

  beforeAll(async () => {
    sockets = new TempDir();
    plugin = new PluginClient(sockets.at('plugins/lantern.sock'));
    const flags = { dockerPluginSocket: plugin.socket, dockerNamespaces: 'default,shop', syncPeriod: '100ms' };
    harness = await DaemonHarness.start({ publisher, ...flags });
    await harness.applySecret('db', SECRET);
  });

  afterAll(async () => {
    for (const { Name } of (await plugin.call('VolumeDriver.List')).Volumes as { Name: string }[]) {
      for (const id of [ID, OTHER]) await plugin.volume('Unmount', Name, { ID: id });
    }
    await harness[Symbol.asyncDispose]();
    sockets[Symbol.dispose]();
  });

  const mountpoint = (name: string) => `${harness.runDirectory}/docker/${name}`;
  const stateOf = (name: string) => readFileSync(harness.directory.at('data/docker', `${name}.json`), 'utf8');

  test('says what it is, on a socket for its user only', async () => {
    expect(await plugin.call('Plugin.Activate')).toEqual({ Implements: ['VolumeDriver'] });
    expect(await plugin.call('VolumeDriver.Capabilities')).toEqual({ Capabilities: { Scope: 'local' } });
    expect(statSync(plugin.socket).mode & 0o777).toBe(0o600);
    expect(readdirSync(sockets.at('plugins'))).toEqual(['lantern.sock']);
  });

  test('a volume is mounted for its first use and unmounted after its last; every call may be repeated', async () => {
    const path = mountpoint('db');
    const Opts = { secretName: 'db', defaultMode: '0440' };
    const twice = async (method: string, more: object = {}) => {
      const first = await plugin.volume(method, 'db', more);
      expect(await plugin.volume(method, 'db', more)).toEqual(first);
      return first;
    };
    expect(await twice('Get')).toEqual({ Err: 'volume "db" does not exist; create it first' });
    expect(await twice('Create', { Opts })).toEqual({});
    expect(await plugin.volume('Create', 'db', { Opts: { ...Opts, defaultMode: '0400' } })).toEqual({
      Err: 'create volume "db": it exists with other options; remove it with "docker volume rm db", no data is lost',
    });
    expect(await twice('Path')).toEqual({ Mountpoint: '' });
    expect(await twice('Mount', { ID })).toEqual({ Mountpoint: path });
    expect(await twice('Mount', { ID: OTHER })).toEqual({ Mountpoint: path });
    expect(readFileSync(`${path}/password`, 'utf8')).toBe(SECRET.password);
    expect(statSync(`${path}/password`).mode & 0o777).toBe(0o440);
    expect(await plugin.volume('Path', 'db')).toEqual({ Mountpoint: path });
    expect(await plugin.call('VolumeDriver.List')).toEqual({ Volumes: [{ Name: 'db', Mountpoint: path }] });
    const { Volume } = (await plugin.volume('Get', 'db')) as { Volume: { Status: object } };
    expect(Volume).toMatchObject({
      Name: 'db',
      Mountpoint: path,
      CreatedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      Status: {
        state: 'ready',
        namespace: 'default',
        uses: 2,
        generation: expect.stringMatching(/^\.\./),
        updatedAt: expect.stringMatching(/Z$/),
        objects: [expect.stringMatching(/^Secret\/db at revision \d+$/)],
      },
    });
    expect(`${JSON.stringify(Volume)}${stateOf('db')}${harness.logLines.join()}`).not.toContain('hunter2');

    await harness.applySecret('db', { password: 'rotated' });
    expect(readFileSync(`${path}/password`, 'utf8')).toBe('rotated');
    await harness.applySecret('db', SECRET);

    expect(await twice('Remove')).toEqual({
      Err: 'remove volume "db": it is in use (2); remove the containers that use it first',
    });
    expect(await twice('Unmount', { ID })).toEqual({});
    expect(readFileSync(`${path}/password`, 'utf8')).toBe(SECRET.password);
    expect(await twice('Unmount', { ID: OTHER })).toEqual({});
    expect(existsSync(path)).toBe(false);
    expect(mountsBelow(path)).toEqual([]);
    expect(await twice('Remove')).toEqual({});
    expect(await plugin.call('VolumeDriver.List')).toEqual({ Volumes: [] });
    expect(readdirSync(harness.directory.at('data/docker'))).toEqual(['lock']);
  });

  test('why a mount fails is in the answer and in inspect, and nothing is left', async () => {
    await plugin.volume('Create', 'late', { Opts: { secretName: 'none', namespace: 'shop' } });
    const Err = 'mount volume "late": Secret shop/none does not exist';
    expect(await plugin.volume('Mount', 'late', { ID })).toEqual({ Err });
    expect(await plugin.volume('Get', 'late')).toMatchObject({
      Volume: { Mountpoint: '', Status: { state: 'unmounted', uses: 0, lastError: Err } },
    });
    expect(existsSync(mountpoint('late'))).toBe(false);
    expect(await plugin.volume('Remove', 'late')).toEqual({});
  });

  test('a restarted daemon knows volumes and uses, and containers see updates', async () => {
    await plugin.volume('Create', 'kept', { Opts: { secretName: 'db' } });
    const path = mountpoint('kept');
    await plugin.volume('Mount', 'kept', { ID });
    const before = mountsBelow(path);
    await harness.restart();
    expect(mountsBelow(path)).toEqual(before);
    expect(await plugin.volume('Get', 'kept')).toMatchObject({ Volume: { Status: { uses: 1, state: 'ready' } } });
    await harness.applySecret('db', { password: 'second' });
    expect(readFileSync(`${path}/password`, 'utf8')).toBe('second');
    await harness.applySecret('db', SECRET);
    await plugin.volume('Unmount', 'kept', { ID });
    expect(existsSync(path)).toBe(false);
    expect(await plugin.volume('Remove', 'kept')).toEqual({});
  });

  test('what an engine that was killed left mounted is unmounted, with an event', async () => {
    await plugin.volume('Create', 'left', { Opts: { secretName: 'db' } });
    const engine = `
      const { request } = require('node:http');
      const options = { socketPath: ${JSON.stringify(plugin.socket)}, path: '/VolumeDriver.Mount', method: 'POST' };
      request(options, (answer) => answer.pipe(process.stdout)).end('{"Name":"left","ID":"${ID}"}');`;
    const child = spawn(process.execPath, ['-e', engine], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [mounted] = await once(child.stdout, 'data');
    expect(JSON.parse(String(mounted))).toEqual({ Mountpoint: mountpoint('left'), Err: '' });
    child.kill('SIGKILL');
    await expect.poll(() => existsSync(mountpoint('left'))).toBe(false);
    const { events } = await harness.client.events.list({ namespace: 'default' });
    expect(events.map(({ reason }) => reason)).toContain('ForgottenByEngine');
    expect(await plugin.volume('Remove', 'left')).toEqual({});
  });

  test('nobody else can use its mountpoints', async () => {
    const message = expect.stringContaining('is for volumes of the Docker engine; choose another target');
    const definition = { source: { secret: { secretName: 'db' } } };
    for (const targetPath of [mountpoint('x'), `${harness.runDirectory}//docker/./x`]) {
      const mounted = harness.client.projector.mount({ volumeId: 'x', definition, targetPath });
      expect(await rejectionOf(mounted)).toMatchObject({ code: 'permission-denied', message });
    }
    expect(readdirSync(`${harness.runDirectory}/docker`)).toEqual([]);
  });

  test.each<[string, object, RegExp]>([
    ['no options', { Name: 'x', Opts: null }, /^options: must have one of spec, secretName/],
    [
      'bad options',
      { Name: 'x', Opts: { secretNam: 'db' } },
      /did you mean "secretName"\?.*; options: must have one of/,
    ],
    ['another namespace', { Name: 'x', Opts: { secretName: 'db', namespace: 'prod' } }, /"prod" is not open to Docker/],
    ['a number as an option', { Name: 'x', Opts: { user: 5 } }, /^Opts\[user\]: must be a string, not a number/],
    ['options in a list', { Name: 'x', Opts: ['secretName'] }, /^Opts: must be a mapping, not a list/],
    ['no name', { Opts: { secretName: 'db' } }, /^Name: is required/],
    ['a name that is a path', { Name: '../../etc', Opts: { secretName: 'db' } }, /^Name: must begin with a letter/],
    ['a name of the directory above', { Name: '..', Opts: { secretName: 'db' } }, /^Name: must begin with a letter/],
    ['a long name', { Name: 'x'.repeat(200), Opts: { secretName: 'db' } }, /^Name: must be no more than 121 bytes/],
    ['a name that is none', { Name: ['x'], Opts: {} }, /^Name: must be a string, not a list/],
  ])('Create with %s is refused', async (_name, request, message) => {
    expect(await plugin.call('VolumeDriver.Create', request)).toEqual({ Err: expect.stringMatching(message) });
    expect(await plugin.call('VolumeDriver.List')).toEqual({ Volumes: [] });
    expect(readdirSync(harness.directory.at('data/docker'))).toEqual(['lock']);
  });

  test.each<[string, string, object, RegExp]>([
    ['no id', 'Mount', { Name: 'x' }, /^ID: is required/],
    ['an id that is a path', 'Unmount', { Name: 'x', ID: '../x' }, /^ID: must be 1 to 128 letters/],
    ['an unknown volume', 'Mount', { Name: 'x', ID }, /^volume "x" does not exist; create it first/],
    ['an unknown volume', 'Path', { Name: 'x' }, /^volume "x" does not exist/],
  ])('%s: %s is refused', async (_name, method, request, message) => {
    expect(await plugin.call(`VolumeDriver.${method}`, request)).toEqual({ Err: expect.stringMatching(message) });
  });

  const HEAD = 'POST /VolumeDriver.List HTTP/1.1\r\nHost: x\r\n';
  const CLOSE = 'Connection: close\r\n';
  const withBody = (body: string, head = HEAD) =>
    `${head}${CLOSE}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

  test.each<[string, string | Uint8Array, number, string | undefined]>([
    ['GET', `GET /Plugin.Activate HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`, 405, 'only POST is allowed'],
    ['an unknown method', withBody('{}', HEAD.replace('List', 'Nope')), 404, 'the methods are /Plugin.Activate, '],
    ['a method of an object', withBody('{}', HEAD.replace('/VolumeDriver.List', 'constructor')), 400, undefined],
    ['a query', withBody('{}', HEAD.replace('List', 'List?x')), 404, 'the methods are '],
    ['no JSON', withBody('hunter2'), 400, 'the body is not JSON'],
    ['half of JSON', withBody('{"Name":"hunter2'), 400, 'the body is not JSON'],
    ['no UTF-8', Buffer.from(withBody('{"Name":"??"}').replaceAll('?', '\xff'), 'latin1'), 400, 'the body is not JSON'],
    ['a list', withBody('["hunter2"]'), 400, 'the body must be a JSON object'],
    ['null', withBody('null'), 400, 'the body must be a JSON object'],
    ['deep JSON', withBody(`${'['.repeat(300)}${']'.repeat(300)}`), 400, 'the body is nested too deep'],
    ['JSON of many values', withBody(`[${'1,'.repeat(2_000)}1]`), 400, 'the body has more than 1000 values'],
    ['a large body', withBody(' '.repeat(65_537)), 413, 'the body has more than 65536 bytes'],
    ['a large body that never comes', `${HEAD}Content-Length: 99999999999\r\n\r\n`, 413, 'the body has more than'],
    [
      'a large body in chunks',
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n11000\r\n${'x'.repeat(0x11000)}\r\n0\r\n\r\n`,
      413,
      'the body has more than 65536 bytes',
    ],
    ['large headers', `${HEAD}X: ${'y'.repeat(9_000)}\r\n\r\n`, 431, undefined],
    ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400, undefined],
    ['a length and chunks', `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`, 400, undefined],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, undefined],
    ['TLS', Uint8Array.of(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0), 400, undefined],
  ])('%s is answered, and the connection ends', async (_name, bytes, status, message) => {
    const answer = await plugin.exchange(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (message !== undefined) expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '').Err).toContain(message);
    expect(answer).not.toContain('hunter2');
    expect(await plugin.call('VolumeDriver.List')).toEqual({ Volumes: [] });
  });

  test('many connections at once: the one that waits longest makes room', async () => {
    const silent = Array.from({ length: 200 }, () => connect(plugin.socket).on('error', () => {}));
    expect(await plugin.call('Plugin.Activate')).toEqual({ Implements: ['VolumeDriver'] });
    for (const socket of silent) socket.destroy();
  });

  test.runIf(isRoot)('another user is refused, even if the socket lets it in (needs root)', async () => {
    for (const path of [sockets.path, sockets.at('plugins')]) chmodSync(path, 0o755);
    chmodSync(plugin.socket, 0o666);
    const script = `
      const socket = require('node:net').connect(${JSON.stringify(plugin.socket)});
      socket.on('error', () => {}).on('connect', () => console.log('connected')).on('close', () => console.log('closed'));
      socket.on('data', (answer) => console.log(String(answer)));
      socket.write('POST /Plugin.Activate HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n');`;
    const child = spawn('setpriv', ['--reuid=65534', '--clear-groups', process.execPath, '-e', script]);
    const output = await text(child.stdout);
    expect(output).toBe('connected\nclosed\n');
  });
});

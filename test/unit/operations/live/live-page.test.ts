import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bearer, PageClient } from '../../../support/browser/page-client.ts';
import { PageScene, publicationAt } from '../../../support/browser/page-scene.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

let files: TempDir;
let scene: PageScene;
let client: PageClient;

async function begin(address?: string): Promise<void> {
  scene = await PageScene.start({ files: pathToFileURL(`${files.path}/`), address });
  client = new PageClient(scene.page.port);
}

beforeEach(async () => {
  files = new TempDir();
  for (const name of ['index.html', 'page.js', 'style.css', 'icon.svg']) writeFileSync(files.at(name), name);
  await begin();
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

const newSession = () => client.exchange(scene.page.newAddress());

describe('who may see it', () => {
  test('an address opens it once', async () => {
    const address = scene.page.newAddress();
    expect(address).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${scene.page.port}/#[\\w-]{43}$`));
    const session = await client.exchange(address);
    using stream = await client.follow(session);
    await stream.next('start');
    await expect(client.exchange(address)).rejects.toThrow('401: this address was used before, or is too old');
  });

  test('an address has no name that another user could listen at as well', async () => {
    await scene[Symbol.asyncDispose]();
    await begin('localhost:0');
    const { hostname, origin } = new URL(scene.page.newAddress());
    expect(['127.0.0.1', '[::1]']).toContain(hostname);
    expect((await fetch(origin)).status).toBe(200);
  });

  test.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['another token', bearer('A'.repeat(43))],
    ['a cookie', { cookie: 'session=x' }],
    ['another scheme', { authorization: 'Basic eDp4' }],
  ])('with %s there is no stream', async (_, headers) => {
    const { status, body } = await client.ask('/stream', { headers });
    expect({ status, body }).toEqual({
      status: 401,
      body: 'this page is for its owner; "lantern page" prints a new address\n',
    });
  });

  test('a code is no session', async () => {
    const code = new URL(scene.page.newAddress()).hash.slice(1);
    expect((await client.ask('/stream', { headers: bearer(code) })).status).toBe(401);
  });

  test('only POST makes a session', async () => {
    const code = new URL(scene.page.newAddress()).hash.slice(1);
    const asked = await client.ask('/session', { headers: bearer(code) });
    expect([asked.status, asked.headers.allow]).toEqual([405, 'POST']);
    await client.ask('/session', { method: 'POST', headers: bearer(code) });
  });
});

describe('the host that a browser was told', () => {
  const ask = async (host: string) => (await client.ask('/', { headers: { host } })).status;

  test.each<[string, number]>([
    ['127.0.0.1:9465', 200],
    ['127.0.0.1', 200],
    ['localhost:8080', 200],
    ['LOCALHOST', 200],
    ['[::1]:9465', 200],
    ['attacker.example:9465', 403],
    ['attacker.example', 403],
    ['127.0.0.1.attacker.example', 403],
    ['localhost.attacker.example:9465', 403],
    ['192.0.2.7:9465', 403],
    ['user@localhost', 403],
    ['localhost:9465/', 403],
  ])('on loopback, %j: %i', async (host, status) => {
    expect(await ask(host)).toBe(status);
  });

  test.each<[string, number]>([
    ['192.0.2.7:9465', 200],
    ['[2001:db8::7]:9465', 200],
    ['localhost:9465', 200],
    ['attacker.example:9465', 403],
  ])('on every address, %j: %i', async (host, status) => {
    await scene[Symbol.asyncDispose]();
    await begin('0.0.0.0:0');
    expect(await ask(host)).toBe(status);
    expect(scene.page.newAddress()).toContain(`http://127.0.0.1:${scene.page.port}/#`);
  });

  test('a wrong one gets no session and no stream, whoever asks', async () => {
    const headers = { ...bearer(await newSession()), host: 'attacker.example' };
    expect((await client.ask('/stream', { headers })).status).toBe(403);
    const address = scene.page.newAddress();
    const code = bearer(new URL(address).hash.slice(1));
    expect((await client.ask('/session', { method: 'POST', headers: { ...code, host: 'x.example' } })).status).toBe(
      403,
    );
    await client.exchange(address);
  });
});

const TEXT = 'text/plain; charset=utf-8';

test.each<[string, number, string, Record<string, string>?]>([
  ['GET /', 200, 'text/html; charset=utf-8'],
  ['GET /page.js', 200, 'text/javascript; charset=utf-8'],
  ['GET /style.css', 200, 'text/css; charset=utf-8'],
  ['GET /icon.svg', 200, 'image/svg+xml'],
  ['GET /stream', 401, TEXT],
  ['GET /', 403, TEXT, { host: 'attacker.example' }],
  ['GET /nothing', 404, TEXT],
  ['GET /nothing', 403, TEXT, { host: 'attacker.example' }],
  ['HEAD /', 405, TEXT],
  ['GET /stream', 413, TEXT, { 'transfer-encoding': 'chunked' }],
])('%s, with %i and %s, allows a browser nothing but its own files', async (line, status, type, given = {}) => {
  const [method = '', path = ''] = line.split(' ');
  const { status: answered, headers } = await client.ask(path, { method, headers: { host: 'localhost', ...given } });
  expect(answered).toBe(status);
  expect(headers).toMatchObject({
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  });
  const policy = String(headers['content-security-policy']).split('; ');
  expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'"]));
  expect(policy.join(' ')).not.toMatch(/unsafe|\*|data:|blob:/);
  expect(headers).not.toHaveProperty('set-cookie');
  expect(headers).not.toHaveProperty('access-control-allow-origin');
});

describe('the stream', () => {
  test('begins with all volumes in pieces of 100, and goes on with changes only', async () => {
    for (let nth = 0; nth < 250; nth += 1) scene.put(`v${String(nth).padStart(3, '0')}`);
    using stream = await client.follow(await newSession());
    const first = await stream.until('listed');
    const pieces = first.flatMap(({ name, data }) => (name === 'volumes' ? [(data as unknown[]).length] : []));
    expect([first[0]?.name, pieces]).toEqual(['start', [100, 100, 50]]);
    const listed = stream.text.length;

    scene.swap('v017');
    const [row, ...others] = await stream.next('volumes');
    expect(row).toMatchObject({ id: 'v017', state: 'ready', swaps: [expect.any(Number)] });
    expect(others).toEqual([]);
    scene.remove('v003');
    expect(await stream.next('gone')).toEqual(['v003']);
    scene.fail('v018', 'Secret shop/x does not exist');
    expect(await stream.next('volumes')).toMatchObject([
      { id: 'v018', state: 'stale', reason: 'Secret shop/x does not exist', since: expect.any(Number) },
    ]);
    expect(stream.text.length - listed).toBeLessThan(4_000);
  });

  test('has events that came before, and repeats with their count', async () => {
    scene.put('a');
    scene.swap('a');
    using stream = await client.follow(await newSession());
    expect(await stream.next('events')).toMatchObject([{ reason: 'Updated', kind: 'Volume', name: 'a', count: 1 }]);
    scene.swap('a');
    expect(await stream.next('events')).toMatchObject([{ reason: 'Updated', count: 2 }]);
  });

  test('says when the store is out of touch', async () => {
    using stream = await client.follow(await newSession());
    expect(await stream.next('summary')).not.toHaveProperty('contact');
    scene.contact = { lostSince: 5, problem: 'no endpoint answers' };
    expect(await stream.next('summary')).toMatchObject({ contact: { lostSince: 5, problem: 'no endpoint answers' } });
  });

  test('cuts what a request may have made long', async () => {
    const target = `/srv/${'x'.repeat(4_000)}`;
    scene.put('a', { publications: Array.from({ length: 500 }, (_, nth) => publicationAt(`${target}${nth}`)) });
    scene.fail('a', 'y'.repeat(100_000));
    using stream = await client.follow(await newSession());
    const [row] = await stream.next('volumes');
    expect(row?.targets.more).toBe(480);
    expect(JSON.stringify(row).length).toBeLessThan(16_000);
  });

  test('a volume without a record goes when it has its name again', async () => {
    scene.put('unknown:abc', { state: 'degraded' });
    using stream = await client.follow(await newSession());
    await stream.until('listed');
    // Nobody reports its end.
    scene.forget('unknown:abc');
    scene.put('named');
    scene.happen('named', { type: 'mounted', target: '/srv/named' });
    expect(await stream.next('gone')).toEqual(['unknown:abc']);
    expect(await stream.next('volumes')).toMatchObject([{ id: 'named' }]);
  });

  test('does not tell that a volume is gone which is about to be mounted', async () => {
    scene.put('first');
    using stream = await client.follow(await newSession());
    await stream.until('listed');
    scene.onGet = () => {
      scene.onGet = undefined;
      scene.happen('late', { type: 'mounted', target: '/srv/late' });
      queueMicrotask(() => scene.put('late'));
    };
    scene.swap('first');
    const messages = [...(await stream.until('volumes')), ...(await stream.until('volumes'))];
    expect(messages.filter(({ name }) => name === 'gone')).toEqual([]);
    expect(messages.at(-1)?.data).toMatchObject([{ id: 'late' }]);
  });

  test('is for half of the connections, and tells the others why', async () => {
    const session = await newSession();
    const streams: Disposable[] = [];
    const more = async () => {
      const stream = await client.follow(session);
      streams.push(stream);
      await stream.next('start');
    };
    const tooMany = async () => {
      for (let nth = 0; nth < 64; nth += 1) await more();
    };
    const message = await tooMany().catch(String);
    expect(streams.length).toBeGreaterThan(0);
    expect(message).toBe(`Error: 503: ${streams.length} pages are open already; close one of them\n`);
    streams.pop()?.[Symbol.dispose]();
    await vi.waitFor(more);
    for (const stream of streams) stream[Symbol.dispose]();
  });
});

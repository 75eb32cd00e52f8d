import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { type Answer, type Page, type PageGate, PageServer, plainPage } from '../../../src/operations/page-server.ts';
import { connectionLimits, RefusedConnections } from '../../../src/rpc/transport/connection-limits.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { rejectionOf } from '../../support/suite/expectations.ts';

const PAGES = new Map<string, () => Promise<Page> | Page>([
  ['/page', () => plainPage(200, 'hello\n')],
  ['/later', async () => plainPage(503, 'not yet\n')],
  [
    '/broken',
    () => {
      throw new Error('hunter2');
    },
  ],
]);

const refused: string[] = [];

/** Eight connections at most. */
function gate(): PageGate {
  const observer = { opened: () => {}, closed: () => {}, refused: (_: string, reason: string) => refused.push(reason) };
  const { pages } = connectionLimits(128);
  return {
    listener: 'pages',
    limits: pages,
    refused: new RefusedConnections(silentLog, systemClock, observer),
    clock: systemClock,
  };
}

let server: PageServer;

beforeEach(async () => {
  server = await PageServer.listen('127.0.0.1:0', PAGES, gate());
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

/** Sends these bytes as they are, and gives all that comes back until the server ends the connection. */
async function exchange(bytes: string, { port }: PageServer = server): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(bytes);
  return await text(socket);
}

describe('answers', () => {
  test.each<[string, RequestInit, number, string]>([
    ['/page', {}, 200, 'hello\n'],
    ['/page?verbose=1', {}, 200, 'hello\n'],
    ['/later', {}, 503, 'not yet\n'],
    ['/broken', {}, 500, 'this page failed\n'],
    ['/', {}, 404, 'the pages are /page, /later, /broken\n'],
    ['/page/', {}, 404, 'the pages are /page, /later, /broken\n'],
    ['/page', { method: 'POST', body: 'x' }, 405, 'only GET is allowed\n'],
    ['/page', { method: 'DELETE' }, 405, 'only GET is allowed\n'],
  ])('%s %j: %i', async (path, init, status, body) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
    expect({ status: response.status, body: await response.text() }).toEqual({ status, body });
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('allow')).toBe(status === 405 ? 'GET' : null);
  });
});

describe('bounds', () => {
  const HEAD = 'GET /page HTTP/1.1\r\nHost: x\r\n';

  test.each([
    ['a body', `${HEAD}Content-Length: 5\r\n\r\nhello`],
    ['a body in chunks', `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
    ['a body that never comes', `${HEAD}Content-Length: 99999999999\r\n\r\n`],
  ])('%s is refused, and the connection ended', async (_name, bytes) => {
    const answer = await exchange(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  test('requests that do not wait for their answers end the connection', async () => {
    let answers = 0;
    const pages = new Map<string, Answer>([
      ['/page', () => ({ status: 200, type: 'text/plain', body: `${++answers}` })],
    ]);
    await using asked = await PageServer.listen('127.0.0.1:0', pages, gate());
    const socket = connect(asked.port, '127.0.0.1').on('error', () => {});
    socket.write(`${HEAD}\r\n`.repeat(1_000));
    await once(socket.resume(), 'close');
    expect(answers).toBe(1);
  });

  test('headers of more than 8 KiB are refused', async () => {
    expect(await exchange(`${HEAD}X: ${'y'.repeat(9_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('what is not HTTP is refused', async () => {
    expect(await exchange('\x16\x03\x01 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });
});

test.each([
  ['says nothing', ''],
  ['sends its request slowly', 'GET /page HTTP/1.1\r\nHost: x\r\nX: '],
])('a probe is answered while somebody holds all connections and %s', async (_, bytes) => {
  refused.length = 0;
  const held = Array.from({ length: 100 }, () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {}).resume();
    socket.write(bytes);
    return socket;
  });
  const closed = Promise.all(held.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  await vi.waitFor(() => expect(refused.length).toBeGreaterThanOrEqual(96));
  for (let probe = 0; probe < 10; probe += 1) {
    expect(await exchange('GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toContain('hello');
  }
  expect(new Set(refused)).toEqual(new Set(['displaced']));
  await server[Symbol.asyncDispose]();
  await closed;
});

test('who is being answered does not make room', async () => {
  let answer: () => void = () => {};
  const slow = new Map([
    [
      '/slow',
      () =>
        new Promise<Page>((resolve) => {
          answer = () => resolve(plainPage(200, 'at last\n'));
        }),
    ],
  ]);
  await using busy = await PageServer.listen('127.0.0.1:0', slow, gate());
  const asked = fetch(`http://127.0.0.1:${busy.port}/slow`);
  const begun = answer;
  await vi.waitFor(() => expect(answer).not.toBe(begun));
  const others = Array.from({ length: 20 }, () =>
    connect(busy.port, '127.0.0.1')
      .on('error', () => {})
      .resume(),
  );
  await Promise.all(others.slice(0, 10).map((socket) => once(socket, 'close')));
  answer();
  expect(await (await asked).text()).toBe('at last\n');
});

describe('a stream', () => {
  const stream = (pieces: (signal: AbortSignal) => AsyncIterable<string>) => {
    return new Map<string, Answer>([['/stream', () => ({ status: 200, type: 'text/plain', pieces })]]);
  };

  test('comes piece by piece, and ends with the last', async () => {
    const pages = stream(async function* () {
      yield 'one ';
      yield 'two';
    });
    await using streaming = await PageServer.listen('127.0.0.1:0', pages, gate());
    const response = await fetch(`http://127.0.0.1:${streaming.port}/stream`);
    expect(await response.text()).toBe('one two');
  });

  test('leaves the event loop to others after each piece, also while the kernel takes them all', async () => {
    let turn = 0;
    let timer = setImmediate(function next() {
      turn += 1;
      timer = setImmediate(next);
    });
    const turns = new Set<number>();
    const pages = stream(async function* () {
      for (let nth = 0; nth < 100; nth += 1) {
        turns.add(turn);
        yield 'x';
      }
    });
    await using streaming = await PageServer.listen('127.0.0.1:0', pages, gate());
    await (await fetch(`http://127.0.0.1:${streaming.port}/stream`)).text();
    clearImmediate(timer);
    expect(turns.size).toBe(100);
  });

  test('is told when the client has left', async () => {
    let tell: () => void = () => {};
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const pages = stream(async function* (signal) {
      yield 'first';
      await once(signal, 'abort');
      tell();
    });
    await using streaming = await PageServer.listen('127.0.0.1:0', pages, gate());
    const socket = connect(streaming.port, '127.0.0.1');
    socket.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await told;
  });

  test('that fails is cut off, without a reason', async () => {
    const pages = stream(async function* () {
      yield 'first';
      throw new Error('hunter2');
    });
    await using streaming = await PageServer.listen('127.0.0.1:0', pages, gate());
    const answer = await exchange('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n', streaming);
    // The last chunk would have a length of 0.
    expect(answer).not.toMatch(/hunter2|\r\n0\r\n/);
  });

  test('that nobody reads takes a bounded part of the memory, and is cut off after 30 s', async () => {
    refused.length = 0;
    const clock = new ManualClock();
    let pieces = 0;
    const pages = stream(async function* () {
      for (;;) {
        pieces += 1;
        yield 'x'.repeat(64 * 1024);
      }
    });
    await using streaming = await PageServer.listen('127.0.0.1:0', pages, { ...gate(), clock });
    const socket = connect(streaming.port, '127.0.0.1');
    socket.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    // The kernel takes some megabytes; then the stream waits for its reader.
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    const made = pieces;
    clock.advance(29_999);
    await new Promise((resolve) => setImmediate(resolve));
    expect([pieces, refused]).toEqual([made, []]);
    clock.advance(1);
    expect(refused).toEqual(['unresponsive']);
    socket.resume();
    await once(socket, 'close');
  });
});

test('the end closes connections that wait for a request, or for the rest of one, and comes once', async () => {
  const sockets = ['GET /page HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /page HTTP/1.1\r\nHost: x\r\n\r\nGET /pa'].map(
    (bytes) => {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(bytes);
      return socket;
    },
  );
  // Both have been served once: the server has read what was sent.
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
  await server[Symbol.asyncDispose]();
  await closed;
  await server[Symbol.asyncDispose]();
});

test('a name of this machine', async () => {
  await using named = await PageServer.listen('localhost:0', PAGES, gate());
  expect(await (await fetch(`http://localhost:${named.port}/page`)).text()).toBe('hello\n');
});

describe('an address that cannot be listened on', () => {
  test('a busy one', async () => {
    const address = `127.0.0.1:${server.port}`;
    expect(await rejectionOf(PageServer.listen(address, PAGES, gate()))).toMatchObject({
      code: 'failed-precondition',
      message: `serve pages on "${address}": another process listens there; stop it, or choose another address`,
    });
  });

  test("one of another machine's", async () => {
    // TEST-NET-1 of RFC 5737.
    expect(await rejectionOf(PageServer.listen('192.0.2.1:9090', PAGES, gate()))).toMatchObject({
      code: 'failed-precondition',
      message: 'serve pages on "192.0.2.1:9090": this machine does not have that address',
    });
  });
});

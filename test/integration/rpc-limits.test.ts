import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { connect as connectClient } from '../../src/rpc/client.ts';
import { FIRST_WORD_MS } from '../../src/rpc/transport/connection-limits.ts';
import { call, speak } from '../support/host/http2-bytes.ts';
import { openDescriptors } from '../support/host/process.ts';
import { RpcFixture, type RpcFixtureOptions } from '../support/projection/rpc-fixture.ts';
import { PatientClock } from '../support/suite/clocks.ts';
import { TOP } from '../support/suite/compiled.ts';

const RESETS = { perSecond: 64, burst: 256 };
const share = (connections: number) => ({ connections, rate: undefined });
const TIGHT = { all: 8, others: share(8), peer: share(6), resets: RESETS };
const LIMITS = { lantern: TIGHT, csi: TIGHT, tcp: TIGHT };

/** What was counted, by listener and reason. */
class Counted {
  readonly refused: string[] = [];
  readonly open = { lantern: 0, csi: 0, tcp: 0, pages: 0 };
  readonly observer = {
    opened: (listener: keyof Counted['open']) => {
      this.open[listener] += 1;
    },
    closed: (listener: keyof Counted['open']) => {
      this.open[listener] -= 1;
    },
    refused: (listener: string, reason: string) => void this.refused.push(`${listener} ${reason}`),
  };
}

/** Servers with TCP, without TLS, and little room. */
async function start(options: RpcFixtureOptions = {}) {
  const counted = new Counted();
  const clock = new PatientClock();
  const tcp = { address: '127.0.0.1:0', insecure: true };
  const fixture = await RpcFixture.start({ tcp, limits: LIMITS, connections: counted.observer, clock, ...options });
  return { fixture, counted, clock, port: fixture.server.tcpPort ?? 0 };
}

function idle(to: string | number, count: number): readonly Socket[] {
  return Array.from({ length: count }, () => {
    const socket = typeof to === 'string' ? connect(to) : connect(to, '127.0.0.1');
    return socket.on('error', () => {}).resume();
  });
}

/** As events.once, for sockets that may be reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function isAnswered(socketPath: string): Promise<boolean> {
  using client = connectClient(socketPath);
  return (await client.health.check({ service: '' })).status === 'SERVING';
}

describe('peers that say nothing', () => {
  it('are held up to the limit, closed beyond it, and shut out nobody on another socket', async () => {
    const { fixture, counted, port } = await start();
    await using _fixture = fixture;
    const before = openDescriptors();
    const sockets = idle(port, 200);
    await Promise.all(sockets.slice(0, 194).map((socket) => closed(socket)));
    expect(counted.open.tcp).toBe(6);
    // Both ends of a connection are in this process.
    expect(openDescriptors() - before).toBeLessThanOrEqual(2 * 6);
    expect(new Set(counted.refused)).toEqual(new Set(['tcp displaced']));
    expect(await isAnswered(fixture.lanternSocket)).toBe(true);
    expect(fixture.log.lines.filter((line) => line.includes('refused'))).toHaveLength(1);
    expect(await fixture.log.line('refused')).toMatch(/listener=tcp reason=displaced peer=127\.0\.0\.1/);
  });

  it.each(['lantern', 'csi'] as const)('on the %s socket shut out neither it nor the other', async (flooded) => {
    const { fixture, counted } = await start();
    await using _fixture = fixture;
    const sockets = idle(flooded === 'csi' ? fixture.csiSocket : fixture.lanternSocket, 100);
    await Promise.all(sockets.slice(0, 90).map((socket) => closed(socket)));
    expect(counted.open[flooded]).toBeLessThanOrEqual(8);
    expect(await isAnswered(fixture.lanternSocket)).toBe(true);
    const { socket, frames } = speak(fixture.csiSocket);
    await frames.heard;
    socket.destroy();
  });

  it('are closed in time, those that speak are not', async () => {
    const { fixture, counted, clock, port } = await start();
    await using _fixture = fixture;
    const silent = [...idle(port, 2), ...idle(fixture.csiSocket, 2)];
    const speaking = speak(port);
    await speaking.frames.heard;
    await vi.waitFor(() => expect(counted.open).toMatchObject({ tcp: 3, csi: 2 }));
    await fixture.client.health.check({ service: '' });
    const ended = Promise.all(silent.map((socket) => closed(socket)));
    clock.advance(FIRST_WORD_MS);
    await ended;
    expect(counted.refused.sort()).toEqual(['csi silent', 'csi silent', 'tcp silent', 'tcp silent']);
    expect(speaking.socket.destroyed).toBe(false);
    speaking.socket.destroy();
  });

  it('do not make a stop wait', async () => {
    const { fixture, counted, port } = await start();
    const silent = [...idle(port, 2), ...idle(fixture.lanternSocket, 2)];
    await vi.waitFor(() => expect(counted.open).toMatchObject({ tcp: 2, lantern: 2 }));
    // The clock never reaches the bound of the drain.
    await fixture[Symbol.asyncDispose]();
    expect(counted.open).toEqual({ lantern: 0, csi: 0, tcp: 0, pages: 0 });
    for (const socket of silent) socket.destroy();
  });
});

it('connections in use are not displaced: the next one is closed', async () => {
  const { fixture, counted, port } = await start();
  await using _fixture = fixture;
  const used = Array.from({ length: 6 }, () => speak(port));
  await Promise.all(used.map(({ frames }) => frames.heard));
  await vi.waitFor(() => expect(counted.open.tcp).toBe(6));
  const late = speak(port);
  await late.frames.closed;
  expect(counted.refused).toContain('tcp peer_connections');
  expect(used.every(({ socket }) => !socket.destroyed)).toBe(true);
  for (const { socket } of used) socket.destroy();
  await vi.waitFor(() => expect(counted.open.tcp).toBe(0));
  const next = speak(port);
  await next.frames.heard;
  next.socket.destroy();
});

it('a session whose peer answers no ping is ended, one that does is not', async () => {
  const { fixture, counted, clock, port } = await start();
  await using _fixture = fixture;
  // It reads, but acknowledges nothing.
  const mute = speak(port);
  await mute.frames.heard;
  await fixture.client.health.check({ service: '' });
  await vi.waitFor(() => expect(counted.open).toMatchObject({ tcp: 1, lantern: 1 }));
  clock.advance(60_000);
  expect(mute.socket.destroyed).toBe(false);
  // Its ping was answered by the time a call is.
  await fixture.client.health.check({ service: '' });
  clock.advance(20_000);
  await mute.frames.closed;
  expect(counted.refused).toEqual(['tcp unresponsive']);
  expect(await isAnswered(fixture.lanternSocket)).toBe(true);
  expect(counted.open.lantern).toBe(1);
});

describe('a session that resets its streams', () => {
  const METHOD = '/lantern.v1.Projector/ListVolumes';

  it.each(['lantern', 'csi', 'tcp'] as const)(
    'as fast as it opens them is told to be calm, and closed (%s)',
    async (where) => {
      let calls = 0;
      const little = { ...TIGHT, resets: { burst: 16, perSecond: 0 } };
      const listVolumes = async () => {
        calls += 1;
        return { volumes: [], nextPageToken: '' };
      };
      const { fixture, counted, port } = await start({
        limits: { lantern: little, csi: little, tcp: little },
        projector: { listVolumes },
      });
      await using _fixture = fixture;
      const to = { lantern: fixture.lanternSocket, csi: fixture.csiSocket, tcp: port }[where];
      const { socket, frames } = speak(to);
      await frames.heard;
      socket.write(Buffer.concat(Array.from({ length: 800 }, (_, number) => call(METHOD, number, true))));
      await frames.closed;
      expect(frames.goaways[0]).toBe(11);
      expect(counted.refused).toEqual([`${where} resets`]);
      // One read brought them all; what came after the cut was not worked on.
      expect(calls).toBeLessThanOrEqual(80);
      expect(await isAnswered(fixture.lanternSocket)).toBe(true);
    },
  );

  it('now and then is never cut: watches that end, deadlines that pass, calls that are given up', async () => {
    const { fixture, counted } = await start({
      projector: {
        listVolumes: async () => ({ volumes: [], nextPageToken: '' }),
        mount: async (_, signal) => {
          if (!signal.aborted) await once(signal, 'abort');
          throw signal.reason;
        },
      },
    });
    await using _fixture = fixture;
    const { projector } = fixture.client;
    const ends: Promise<unknown>[] = [];
    for (let round = 0; round < 100; round += 1) {
      const stop = new AbortController();
      ends.push(
        projector.mount({}, { signal: stop.signal }).catch(() => 'given up'),
        projector.mount({}, { deadlineMs: 20 }).catch(() => 'too late'),
        projector.listVolumes({}),
        projector.listVolumes({}),
      );
      if (round % 10 === 9) await ends[ends.length - 1];
      stop.abort();
    }
    await Promise.all(ends);
    expect(counted.refused).toEqual([]);
    expect(counted.open.lantern).toBe(1);
  });
});

it('grpc-js is of one exact version, whose sessions can be guarded', () => {
  const read = (path: string): unknown => JSON.parse(readFileSync(join(TOP, path), 'utf8'));
  const { version } = Object(read('node_modules/@grpc/grpc-js/package.json'));
  expect(Object(read('package.json')).dependencies['@grpc/grpc-js']).toBe(version);
  expect(Object(read('package-lock.json')).packages[''].dependencies['@grpc/grpc-js']).toBe(version);
});

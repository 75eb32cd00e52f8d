import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, it, vi } from 'vitest';
import type { TlsFiles } from '../../src/config/rules.ts';
import { FIRST_WORD_MS } from '../../src/rpc/transport/connection-limits.ts';
import { Authority, type Identity } from '../support/host/certificates.ts';
import { PREFACE, ServerFrames } from '../support/host/http2-bytes.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { PatientClock } from '../support/suite/clocks.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const old = new Authority('old');
const renewed = new Authority('renewed');

/** A daemon's servers behind mutual TLS, with files that a test replaces as it likes. */
class TlsWorld implements AsyncDisposable {
  readonly clock = new PatientClock();
  readonly refused: string[] = [];
  readonly #directory = new TempDir();
  readonly files: TlsFiles = {
    cert: this.#directory.at('daemon.pem'),
    key: this.#directory.at('daemon.key'),
    clientCa: this.#directory.at('clients.pem'),
  };
  #fixture: RpcFixture | undefined;

  static async start(): Promise<TlsWorld> {
    const world = new TlsWorld();
    world.writePair(old.issue('daemon'));
    world.replace('clientCa', old.cert);
    world.#fixture = await RpcFixture.start({
      tcp: { address: '127.0.0.1:0', insecure: false, tls: world.files },
      clock: world.clock,
      connections: {
        opened: () => {},
        closed: () => {},
        refused: (listener, reason) => void world.refused.push(`${listener} ${reason}`),
      },
    });
    return world;
  }

  get fixture(): RpcFixture {
    if (this.#fixture === undefined) throw new Error('not started');
    return this.#fixture;
  }

  get port(): number {
    return this.fixture.server.tcpPort ?? 0;
  }

  /** As what renews certificates does it: another file takes the name. */
  replace(file: keyof TlsFiles, text: string): void {
    writeFileSync(`${this.files[file]}.new`, text);
    renameSync(`${this.files[file]}.new`, this.files[file]);
  }

  writePair({ cert, key }: Identity): void {
    this.replace('cert', cert);
    this.replace('key', key);
  }

  /**
   * Says hello as a client of gRPC does; gives the issuer of the daemon's certificate, or undefined for whom it does
   * not let in.
   */
  async greet(client: Identity, session?: Buffer): Promise<string | undefined> {
    const socket = this.#connect(client, session);
    const frames = new ServerFrames(socket);
    socket.write(PREFACE);
    let issuer: unknown;
    socket.once('secureConnect', () => {
      issuer = socket.getPeerCertificate().issuer.CN;
    });
    const isHeard = await Promise.race([frames.heard.then(() => true), frames.closed.then(() => false)]);
    socket.destroy();
    return isHeard ? String(issuer) : undefined;
  }

  /** What a client may show to come back without its certificate. */
  async ticket(client: Identity): Promise<Buffer> {
    const socket = this.#connect(client);
    socket.on('error', () => {});
    const [session] = (await once(socket, 'session')) as [Buffer];
    socket.destroy();
    return session;
  }

  #connect({ cert, key }: Identity, session?: Buffer): TLSSocket {
    const options = { port: this.port, host: '127.0.0.1', cert, key, session, ALPNProtocols: ['h2'] };
    return connectTls({ ...options, ca: [old.cert, renewed.cert], checkServerIdentity: () => undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fixture?.[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }
}

/** As events.once, for sockets that may be reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

describe('certificates that are replaced', () => {
  it('are those of the next handshake: the pair, and who is let in', async () => {
    await using world = await TlsWorld.start();
    const [former, next] = [old.issue('client'), renewed.issue('client')];
    expect([await world.greet(former), await world.greet(next)]).toEqual(['old', undefined]);
    world.writePair(renewed.issue('daemon'));
    expect(await world.greet(former)).toBe('renewed');
    world.replace('clientCa', renewed.cert);
    expect([await world.greet(former), await world.greet(next)]).toEqual([undefined, 'renewed']);
    expect(world.fixture.log.lines.filter((line) => line.includes('were renewed'))).toHaveLength(2);
  });

  it('let nobody come back with what the former authority let in', async () => {
    await using world = await TlsWorld.start();
    const former = old.issue('client');
    const ticket = await world.ticket(former);
    world.replace('clientCa', renewed.cert);
    expect(await world.greet(former, ticket)).toBeUndefined();
  });

  it.each<[string, (world: TlsWorld) => void, string]>([
    [
      'half a pair',
      (world) => world.replace('cert', renewed.issue('daemon').cert),
      'does not belong to the certificate',
    ],
    [
      'an authority that is none',
      (world) => world.replace('clientCa', 'rubbish'),
      'must be a PEM file with a certificate',
    ],
    [
      'an authority with rubbish after it',
      (world) => world.replace('clientCa', `${old.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`),
      'must be a PEM file with a certificate',
    ],
    ['an endless file', (world) => world.replace('key', 'x'.repeat(1_100_000)), 'is larger than'],
  ])('by %s stay what they were, and the log says so once', async (_, spoil, problem) => {
    await using world = await TlsWorld.start();
    const client = old.issue('client');
    spoil(world);
    expect([await world.greet(client), await world.greet(client), await world.greet(client)]).toEqual([
      'old',
      'old',
      'old',
    ]);
    expect(world.fixture.log.lines.filter((line) => line.includes(problem))).toHaveLength(1);
    world.writePair(renewed.issue('daemon'));
    world.replace('clientCa', old.cert);
    expect(await world.greet(client)).toBe('renewed');
  });
});

describe('a handshake', () => {
  it('that never comes, or not to its end, is waited for a while only', async () => {
    await using world = await TlsWorld.start();
    const sockets = ['', '\x16\x03\x01\x02\x00\x01'].map((bytes) => {
      const socket = connect(world.port, '127.0.0.1');
      socket.on('error', () => {}).resume();
      socket.write(Buffer.from(bytes, 'latin1'));
      return socket;
    });
    const ended = Promise.all(sockets.map((socket) => closed(socket)));
    while (world.clock.pending < 2) await new Promise((resolve) => setImmediate(resolve));
    world.clock.advance(FIRST_WORD_MS);
    await ended;
    expect(world.refused).toEqual(['tcp silent', 'tcp silent']);
  });

  it('that fails is counted, and what comes after it without a word is not waited for either', async () => {
    await using world = await TlsWorld.start();
    const plain = connect(world.port, '127.0.0.1');
    plain.on('error', () => {}).resume();
    plain.write('GET / HTTP/1.1\r\n\r\n');
    await closed(plain);
    await vi.waitFor(() => expect(world.refused).toEqual(['tcp handshake']));
    const { cert, key } = old.issue('client');
    const mute = connectTls({
      port: world.port,
      host: '127.0.0.1',
      cert,
      key,
      ca: old.cert,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    });
    mute.on('error', () => {});
    await once(mute, 'secureConnect');
    const ended = closed(mute);
    mute.resume();
    world.clock.advance(FIRST_WORD_MS);
    await ended;
    expect(world.refused).toEqual(['tcp handshake', 'tcp silent']);
  });
});

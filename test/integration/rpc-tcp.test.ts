import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { type ChannelCredentials, Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { TcpConfig, TlsFiles } from '../../src/config/rules.ts';
import { Authority, type Identity } from '../support/host/certificates.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { rejectionOf } from '../support/suite/expectations.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const authority = new Authority('clients');
const daemon = authority.issue('daemon');
const client = authority.issue('client');

/** A daemon's gRPC servers on a port of the system's choice, with the files of its TLS in a directory of its own. */
class TcpWorld implements AsyncDisposable {
  readonly directory = new TempDir();
  readonly files: TlsFiles = {
    cert: this.#write('daemon.pem', daemon.cert),
    key: this.#write('daemon.key', daemon.key),
    clientCa: this.#write('clients.pem', authority.cert),
  };
  #fixture: RpcFixture | undefined;

  #write(name: string, text: string): string {
    writeFileSync(this.directory.at(name), text);
    return this.directory.at(name);
  }

  async listen(tls: Partial<TlsFiles> = {}): Promise<number> {
    return await this.start({ address: 'localhost:0', insecure: false, tls: { ...this.files, ...tls } });
  }

  async start(tcp: TcpConfig): Promise<number> {
    this.#fixture = await RpcFixture.start({ tcp });
    return this.#fixture.server.tcpPort ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fixture?.[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

/** The status of a call of a method that nobody has: UNIMPLEMENTED says that the server heard it. */
async function statusOfCall(port: number, channel: ChannelCredentials): Promise<status> {
  const caller = new Client(`localhost:${port}`, channel);
  const asIs = (bytes: Buffer) => bytes;
  const error = await new Promise<ServiceError | null>((resolve) => {
    caller.makeUnaryRequest('/any.Service/Method', asIs, asIs, Buffer.alloc(0), resolve);
  });
  caller.close();
  return error?.code ?? status.OK;
}

function withCertificate({ cert, key }: Identity): ChannelCredentials {
  return credentials.createSsl(Buffer.from(authority.cert), Buffer.from(key), Buffer.from(cert));
}

describe('TCP', () => {
  it('answers clients that show a certificate of the client authority, and nobody else', async () => {
    await using world = new TcpWorld();
    const port = await world.listen();
    expect(await statusOfCall(port, withCertificate(client))).toBe(status.UNIMPLEMENTED);
    const strangers = [
      withCertificate(new Authority('clients').issue('client')),
      credentials.createSsl(Buffer.from(authority.cert)),
      credentials.createInsecure(),
    ];
    for (const stranger of strangers) expect(await statusOfCall(port, stranger)).toBe(status.UNAVAILABLE);
  });

  it('is plain only when asked for by name', async () => {
    await using world = new TcpWorld();
    const refused = await rejectionOf(world.start({ address: 'localhost:0', insecure: false }));
    expect(refused.code).toBe('invalid-argument');
    const port = await world.start({ address: 'localhost:0', insecure: true });
    expect(await statusOfCall(port, credentials.createInsecure())).toBe(status.UNIMPLEMENTED);
  });

  it('names every file that cannot be used, and never what is in it', async () => {
    await using world = new TcpWorld();
    const garbage = world.directory.at('garbage');
    writeFileSync(garbage, '-----BEGIN PRIVATE KEY-----\nPLANTED\n-----END PRIVATE KEY-----\n');
    const missing = world.directory.at('missing');
    const error = await rejectionOf(world.listen({ cert: missing, key: garbage, clientCa: garbage }));
    expect(error.code).toBe('invalid-argument');
    expect(error.faults).toEqual([
      {
        field: '--tls-cert',
        message: `"${missing}" cannot be read: no such file or directory (ENOENT); create it, or name another`,
      },
      { field: '--tls-key', message: `"${garbage}" must be a PEM file with a private key without a passphrase` },
      { field: '--tls-client-ca', message: `"${garbage}" must be a PEM file with a certificate` },
    ]);
    expect(error.message).not.toContain('PLANTED');
  });

  it('refuses a key of another certificate', async () => {
    await using world = new TcpWorld();
    writeFileSync(world.files.key, client.key);
    const { faults } = await rejectionOf(world.listen());
    expect(faults).toEqual([
      {
        field: '--tls-key',
        message: `"${world.files.key}" does not belong to the certificate in "${world.files.cert}"`,
      },
    ]);
  });

  it('says that an address is taken, or not of this machine', async () => {
    await using world = new TcpWorld();
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve(Number(Object(other.address()).port)));
    });
    const listen = (address: string) => rejectionOf(world.start({ address, insecure: true }));
    expect(await listen(`127.0.0.1:${port}`)).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining(`"127.0.0.1:${port}": another process listens there`),
    });
    // TEST-NET-3 of RFC 5737, which no machine has.
    expect(await listen('203.0.113.7:0')).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('this machine does not have that address'),
    });
    other.close();
  });
});

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { errnoOf, obstacleOf, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { readUpTo } from '../../base/read-up-to.ts';
import type { TlsFiles } from '../../config/rules.ts';
import { Reading } from '../reading.ts';

/** The contents of the files. SECRET. */
type TlsIdentity = { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer };

/** The limit of one file. */
const MAX_BYTES = 1024 * 1024;

/** The daemon's certificate, its key and the CA of its clients. The files may be replaced at any time. */
export class TlsIdentityFiles {
  /** The last valid contents. */
  current: TlsIdentity;
  readonly #files: TlsFiles;
  readonly #log: Log;
  #stamp: unknown;
  #problem: string | undefined;
  #look: Promise<boolean> | undefined;

  private constructor(files: TlsFiles, log: Log, stamp: unknown, identity: TlsIdentity) {
    this.#files = files;
    this.#log = log;
    this.#stamp = stamp;
    this.current = identity;
  }

  /** `invalid-argument` names every unusable file by its flag. */
  static async open(files: TlsFiles, log: Log): Promise<TlsIdentityFiles> {
    const stamp = await stampOf(files);
    return new TlsIdentityFiles(files, log, stamp, await readIdentity(files));
  }

  /** True if `current` is new. Unusable files cause one warning, and the last valid contents stay in use. */
  renew(): Promise<boolean> {
    // Connections made at the same time share one check.
    this.#look ??= this.#renew().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  async #renew(): Promise<boolean> {
    const stamp = await stampOf(this.#files);
    if (isDeepStrictEqual(stamp, this.#stamp)) return false;
    // Set before the files are read, so that the next check notices a change during the read.
    this.#stamp = stamp;
    try {
      const identity = await readIdentity(this.#files);
      this.#problem = undefined;
      if (isDeepStrictEqual(identity, this.current)) return false;
      this.current = identity;
      this.#log.info('the certificates of --listen were renewed');
      return true;
    } catch (error) {
      const { message } = toLanternError(error, 'read the certificates of --listen');
      if (message !== this.#problem) this.#log.warn(`${message}; the previous ones stay in use`);
      this.#problem = message;
      return false;
    }
  }
}

/** Changes whenever a file is written or replaced. */
async function stampOf(files: TlsFiles): Promise<unknown> {
  return await Promise.all(
    [files.cert, files.key, files.clientCa].map(async (path) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
        return [dev, ino, size, mtimeNs, ctimeNs];
      } catch (error) {
        return errnoOf(error) ?? 'unexpected error';
      }
    }),
  );
}

async function readIdentity(files: TlsFiles): Promise<TlsIdentity> {
  const reading = new Reading();
  const cert = reading.take(await readPem(files.cert, '--tls-cert', 'a certificate', toCertificate));
  const key = reading.take(
    await readPem(files.key, '--tls-key', 'a private key without a passphrase', createPrivateKey),
  );
  const clientCa = reading.take(await readPem(files.clientCa, '--tls-client-ca', 'a certificate', toCertificate));
  if (cert && key && !cert.content.checkPrivateKey(key.content)) {
    reading.refuse('--tls-key', `"${files.key}" does not belong to the certificate in "${files.cert}"`);
  }
  if (!cert || !key || !clientCa || !reading.isGood) throw reading.error();
  return { cert: cert.pem, key: key.pem, ca: clientCa.pem };
}

type Pem<T extends X509Certificate | KeyObject> = { readonly pem: Buffer; readonly content: T };

/** Checks a CA file, because Node silently accepts one without a certificate and then refuses every client. */
async function readPem<T extends X509Certificate | KeyObject>(
  path: string,
  flag: string,
  kind: string,
  parse: (pem: Buffer) => T,
): Promise<Parsed<Pem<T>>> {
  const refuse = (problem: string): Parsed<Pem<T>> => faulty([{ field: flag, message: `"${path}" ${problem}` }]);
  let pem: Buffer | undefined;
  try {
    // A pipe or a device does not say how long it is.
    pem = await readUpTo(createReadStream(path), MAX_BYTES);
  } catch (error) {
    return refuse(`cannot be read: ${obstacleOf(error)}`);
  }
  if (pem === undefined) return refuse(`is larger than ${MAX_BYTES} bytes`);
  try {
    return parsed({ pem, content: parse(pem) });
  } catch {
    // The parser's message may quote the key.
    return refuse(`must be a PEM file with ${kind}`);
  }
}

/** Returns the first certificate. Every block must be a certificate. */
function toCertificate(pem: Buffer): X509Certificate {
  const [, ...others] = pem
    .toString('latin1')
    .split(/(?=-----BEGIN )/)
    .filter((block) => block.startsWith('-----BEGIN '));
  for (const block of others) new X509Certificate(block);
  return new X509Certificate(pem);
}

type Waiting = { readonly resolve: (socket: TLSSocket) => void; readonly reject: (error: Error) => void };

/** Mutual TLS on sockets accepted elsewhere. Changed files are read again before a handshake begins. */
export class TlsHandshakes {
  readonly #files: TlsIdentityFiles;
  readonly #server: Server;
  readonly #waiting = new WeakMap<object, Waiting>();

  constructor(files: TlsIdentityFiles) {
    this.#files = files;
    this.#server = createServer({
      ...files.current,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
      noDelay: true,
    });
    this.#server.on('secureConnection', (socket) => {
      socket.on('error', () => {});
      const waiting = this.#waitingFor(socket);
      if (socket.alpnProtocol === 'h2') waiting?.resolve(socket);
      else waiting?.reject(new Error('the client does not speak HTTP/2'));
    });
    this.#server.on('tlsClientError', (error, socket) => {
      if (errnoOf(error) !== 'ECONNRESET') this.#waitingFor(socket)?.reject(error);
    });
  }

  /** May never settle, so the caller needs a time-out. Rejects if the peer cannot authenticate. */
  readonly begin = async (socket: Socket): Promise<Socket> => {
    if (await this.#files.renew()) this.#server.setSecureContext(this.#files.current);
    return await new Promise((resolve, reject) => {
      this.#waiting.set(socket, { resolve, reject });
      if (!socket.destroyed) this.#server.emit('connection', socket);
    });
  };

  /** The key is the raw socket, a private field: after a failure a TLSSocket has no address for a lookup. */
  #waitingFor(socket: TLSSocket): Waiting | undefined {
    return this.#waiting.get(Object(Reflect.get(socket, '_parent')));
  }
}

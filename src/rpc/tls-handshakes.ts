import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { errnoOf } from '../base/errors.ts';
import type { TlsIdentityFiles } from './tls-files.ts';

type Waiting = { readonly resolve: (socket: TLSSocket) => void; readonly reject: (error: Error) => void };

/** Mutual TLS on sockets that were accepted elsewhere. Files that changed are read anew before a handshake begins. */
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
      // gRPC speaks nothing else.
      if (socket.alpnProtocol === 'h2') waiting?.resolve(socket);
      else waiting?.reject(new Error('another protocol than HTTP/2'));
    });
    this.#server.on('tlsClientError', (error, socket) => {
      if (errnoOf(error) !== 'ECONNRESET') this.#waitingFor(socket)?.reject(error);
    });
  }

  /**
   * Rejects when the peer does not show what it must; the caller closes the socket then, and when it has waited long enough. Settles not at
   * all for a peer that leaves.
   */
  readonly begin = async (socket: Socket): Promise<Socket> => {
    if (await this.#files.renew()) this.#server.setSecureContext(this.#files.current);
    return await new Promise((resolve, reject) => {
      this.#waiting.set(socket, { resolve, reject });
      if (!socket.destroyed) this.#server.emit('connection', socket);
    });
  };

  /** A socket of TLS keeps the one below it in a field of its own; its addresses are gone as soon as it fails. */
  #waitingFor(socket: TLSSocket): Waiting | undefined {
    return this.#waiting.get(Object(Reflect.get(socket, '_parent')));
  }
}

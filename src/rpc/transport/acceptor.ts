import { once } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { Admission, type Admitted, type ConnectingPeer, tcpPeer, unixPeers } from './admission.ts';
import { admitSocket, FIRST_WORD_MS, type Gate, type GrpcListener } from './connection-limits.ts';
import { GuardedSession } from './guarded-session.ts';

type AcceptorOptions = Gate & {
  readonly listener: GrpcListener;
  readonly server: Server;
  /** Rejects if the handshake fails. */
  readonly handshake?: ((socket: Socket) => Promise<Socket>) | undefined;
};

/** Accepts connections within limits for a gRPC server, which has none. One over a limit is closed at once. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #admission: Admission;
  readonly #listeners: NetServer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #silent = new Set<Socket>();
  readonly #peerOf: (socket: Socket) => ConnectingPeer | undefined;
  readonly #inject: (socket: Socket) => ServerHttp2Session | undefined;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#admission = new Admission(options.limits, options.clock);
    this.#peerOf = options.listener === 'tcp' ? tcpPeer : unixPeers();
    this.#inject = injectorOf(options.server);
  }

  /** The caller binds it. */
  newListener(): NetServer {
    const listener = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    // Once bound, it only reports that no descriptor was left for a connection.
    listener.on('error', () => {});
    this.#listeners.push(listener);
    return listener;
  }

  /** Stops listening, and closes connections that have not sent anything yet. */
  stop(): void {
    for (const listener of this.#listeners) if (listener.listening) listener.close();
    for (const socket of this.#silent) socket.destroy();
  }

  async close(): Promise<void> {
    this.stop();
    await Promise.all(
      [...this.#sockets].map(async (socket) => {
        const closed = once(socket, 'close');
        socket.destroy();
        await closed;
      }),
    );
  }

  #accept(socket: Socket): void {
    const { listener, refused, clock } = this.#options;
    // An error also closes the connection.
    socket.on('error', () => {});
    const peer = this.#peerOf(socket);
    const entry = admitSocket(socket, peer, listener, this.#admission, refused);
    if (peer === undefined || entry === undefined) return;
    const { admitted, end } = entry;
    this.#sockets.add(socket);
    this.#silent.add(socket);
    const silence = clock.after(FIRST_WORD_MS, () => end('silent'));
    socket.once('close', () => {
      silence[Symbol.dispose]();
      this.#silent.delete(socket);
      this.#sockets.delete(socket);
    });
    const spoke = () => {
      silence[Symbol.dispose]();
      admitted.engage();
      this.#silent.delete(socket);
    };
    const { handshake } = this.#options;
    if (handshake === undefined) this.#serve(socket, peer, admitted, spoke);
    else
      handshake(socket).then(
        (secure) => this.#serve(secure, peer, admitted, spoke),
        () => end('handshake'),
      );
  }

  #serve(socket: Socket, { name }: ConnectingPeer, admitted: Admitted, spoke: () => void): void {
    const { listener, refused, clock } = this.#options;
    const session = this.#inject(socket);
    if (session === undefined) {
      socket.destroy();
      return;
    }
    new GuardedSession(session, socket, clock, {
      spoke,
      cut: (reason) => refused.note(listener, reason, name),
      spendResets: (count) => admitted.spendResets(count),
    });
  }
}

/**
 * grpc-js does not expose sessions. They belong to the HTTP/2 server of the injector, which grpc-js keeps in a private
 * field. Hence the exact version in package.json.
 */
function injectorOf(server: Server): (socket: Socket) => ServerHttp2Session | undefined {
  const http2Servers: unknown = Reflect.get(server, 'http2Servers');
  const known = http2Servers instanceof Map ? new Set(http2Servers.keys()) : undefined;
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const made: unknown =
    http2Servers instanceof Map ? [...http2Servers.keys()].find((key) => !known?.has(key)) : undefined;
  if (!isEmitter(made)) throw new Error('this version of @grpc/grpc-js keeps its HTTP/2 servers elsewhere');
  let session: ServerHttp2Session | undefined;
  made.on('session', (begun) => {
    session = begun;
  });
  return (socket) => {
    session = undefined;
    injector.injectConnection(socket);
    return session;
  };
}

type SessionEmitter = { on(event: 'session', listener: (session: ServerHttp2Session) => void): void };

function isEmitter(value: unknown): value is SessionEmitter {
  return typeof value === 'object' && value !== null && 'on' in value && typeof value.on === 'function';
}

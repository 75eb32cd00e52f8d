import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { LanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { EventRecorder } from '../../objects/event.ts';
import type { Store } from '../../stores/store.ts';
import { unixPeerNames } from '../transport/admission.ts';
import type { Gate } from '../transport/connection-limits.ts';
import { PrivilegedPeers } from '../transport/privileged-peers.ts';
import { UnixSocket } from '../transport/unix-socket.ts';
import { type CredentialRequest, type CredentialResult, findCredential } from './find-credential.ts';

type CredentialServerOptions = Gate & {
  readonly store: Store;
  readonly events: EventRecorder;
  readonly onAnswer: (result: CredentialResult) => void;
  readonly log: Log;
};

/** Milliseconds for a connection; longer than it may take to find a value. */
const CONNECTION_MS = 30_000;
/** Milliseconds for answers at the end. */
const DRAIN_MS = 2_000;

/** NUL, random hexadecimal digits, `/unit/`, the unit's name, `/`, the credential's. */
const PEER_NAME = /^\0[0-9a-f]{1,16}\/unit\/([A-Za-z0-9:_.\\@-]+)\/([!-.0-9;-~]+)$/;

/**
 * A refusal is more than systemd accepts as one credential (1 MiB): the unit fails, with the status 243/CREDENTIALS.
 * The protocol has no other refusal, and an empty answer would start the unit without its secret.
 */
const REFUSAL_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/**
 * The socket of `LoadCredential=NAME:PATH`. systemd connects from an abstract name that says which unit asks for which
 * credential, and reads the value up to the end. Only root and the daemon's own user may connect.
 */
export class CredentialServer implements AsyncDisposable {
  readonly #options: CredentialServerOptions;
  readonly #server: Server;
  readonly #peers: PrivilegedPeers;
  readonly #nameOf = unixPeerNames();
  readonly #sockets = new Set<Socket>();
  readonly #stop = new AbortController();
  #socket: UnixSocket | undefined;

  constructor(options: CredentialServerOptions) {
    this.#options = options;
    this.#peers = new PrivilegedPeers('credentials', options);
    // systemd shuts down its side at once. Without this option, Node would then end ours before there is an answer.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server.on('error', () => {});
  }

  /** The socket is 0600. `failed-precondition` if another process listens there. */
  async listen(path: string): Promise<void> {
    this.#socket = await UnixSocket.bind(this.#server, path, undefined);
  }

  /** Refuses those who wait. A connection that only closes would be an empty credential. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.[Symbol.dispose]();
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    this.#stop.abort(new LanternError('unavailable', 'the daemon is shutting down'));
    using _timer = this.#options.clock.after(DRAIN_MS, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
  }

  #accept(socket: Socket): void {
    // An error also closes the connection.
    socket.on('error', () => {});
    const entry = this.#peers.admit(socket);
    if (entry === undefined) return;
    const request = readPeerName(this.#nameOf(socket));
    if (request === undefined) return void entry.end('name');
    entry.admitted.engage();
    this.#sockets.add(socket);
    const timer = this.#options.clock.after(CONNECTION_MS, () => entry.end('unresponsive'));
    socket.once('close', () => {
      timer[Symbol.dispose]();
      this.#sockets.delete(socket);
    });
    // Nothing is expected, but without reading, the end of the other side is not seen.
    socket.resume();
    void this.#answer(socket, request);
  }

  async #answer(socket: Socket, request: CredentialRequest): Promise<void> {
    const { events, onAnswer, log } = this.#options;
    const { result, value, message, events: found } = await findCredential(this.#options, request, this.#stop.signal);
    for (const event of found) events.record(event);
    onAnswer(result);
    if (value === undefined) log.warn({ ...request, result }, `a unit does not get its credential: ${message}`);
    else log.info({ ...request, result }, `a unit gets its credential: ${message}`);
    // The peer may leave at any time.
    await pipeline(value === undefined ? refusal(request, message) : [value], socket).catch(() => {});
  }
}

/** Undefined for a peer that is not systemd. */
export function readPeerName(name: Buffer | undefined): CredentialRequest | undefined {
  const [, unit, credential] = PEER_NAME.exec(name?.toString('latin1') ?? '') ?? [];
  return unit === undefined || credential === undefined ? undefined : { unit, credential };
}

function* refusal({ unit, credential }: CredentialRequest, message: string): Iterable<Buffer> {
  const line = `Lantern has no credential "${credential}" for unit "${unit}": ${message}\n`;
  const chunk = Buffer.from(line.repeat(Math.ceil(CHUNK_BYTES / line.length)));
  for (let sent = 0; sent < REFUSAL_BYTES; sent += chunk.length) yield chunk;
}

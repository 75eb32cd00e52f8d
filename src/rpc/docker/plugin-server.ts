import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type Fields, isFields } from '../../base/parsed.ts';
import { parseBoundedJson } from '../../objects/bounded-json.ts';
import type { CallOutcome } from '../handler.ts';
import type { Admitted } from '../transport/admission.ts';
import type { Gate } from '../transport/connection-limits.ts';
import { PrivilegedPeers } from '../transport/privileged-peers.ts';
import { UnixSocket } from '../transport/unix-socket.ts';
import { type EngineProcess, engineProcess } from './engine-process.ts';

/** `engine` is the process that made the connection. */
export type PluginMethod = (request: Fields, engine: EngineProcess, signal: AbortSignal) => Promise<object> | object;

export type PluginServerOptions = Gate & {
  /** By path. */
  readonly methods: ReadonlyMap<string, PluginMethod>;
  readonly onCall: (method: string, outcome: CallOutcome) => void;
  readonly log: Log;
};

const MEDIA_TYPE = 'application/vnd.docker.plugins.v1.2+json';

const MAX_HEADER_BYTES = 8 * 1024;
/** Options have at most 4 KiB, which JSON can write in six times as much. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_BODY_NODES = 1_000;
/** Milliseconds for a request to arrive. */
const REQUEST_MS = 10_000;
const IDLE_MS = 60_000;
const ENDING = new LanternError('unavailable', 'the daemon is shutting down');
/** Milliseconds for an answer. The engine waits for one minute, or two, and its own message says less. */
const ANSWER_MS = 50_000;

/**
 * Docker's plugin protocol: JSON over HTTP on a unix socket, POST only, limited in size and time. Only root and the
 * daemon's own user may connect.
 */
export class PluginServer implements AsyncDisposable {
  readonly #options: PluginServerOptions;
  readonly #server: Server;
  readonly #peers: PrivilegedPeers;
  readonly #connections = new WeakMap<Socket, { readonly admitted: Admitted; readonly engine: EngineProcess }>();
  readonly #calls = new Map<Promise<void>, AbortController>();
  #socket: UnixSocket | undefined;

  constructor(options: PluginServerOptions) {
    this.#options = options;
    this.#peers = new PrivilegedPeers('docker', options);
    const settings = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 1_000,
    };
    this.#server = createServer(settings, (request, response) => this.#begin(request, response));
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** The socket is 0600. `failed-precondition` if another process listens there. */
  async listen(path: string): Promise<void> {
    this.#socket = await UnixSocket.bind(this.#server, path, undefined);
  }

  /** Refuses new calls, answers the calls under way, and cuts off those that wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.[Symbol.dispose]();
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    for (const controller of this.#calls.values()) controller.abort(ENDING);
    await Promise.all(this.#calls.keys());
    this.#server.closeAllConnections();
    await closed;
  }

  #accept(socket: Socket): void {
    const entry = this.#peers.admit(socket);
    if (entry === undefined) return;
    this.#connections.set(socket, { admitted: entry.admitted, engine: engineProcess(entry.pid) });
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return void request.socket.destroy();
    const { admitted, engine } = connection;
    const controller = new AbortController();
    const call = this.#answer(request, response, engine, controller).then(() => {
      this.#calls.delete(call);
      admitted.wait();
    });
    admitted.engage();
    this.#calls.set(call, controller);
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    engine: EngineProcess,
    controller: AbortController,
  ): Promise<void> {
    const { clock, log, onCall } = this.#options;
    const method = request.url ?? '';
    const onClose = () => controller.abort();
    response.once('close', onClose);
    const late = new LanternError('deadline-exceeded', `it took longer than ${ANSWER_MS / 1000} s; try again`);
    using _timer = clock.after(ANSWER_MS, () => controller.abort(late));
    let outcome: CallOutcome = 'ok';
    try {
      const handle = this.#methodOf(request);
      const result = await handle(await readRequest(request), engine, controller.signal);
      send(response, 200, { ...result, Err: '' });
    } catch (error) {
      // An engine repeats a call that was cut off, and the next daemon answers it.
      if (controller.signal.reason === ENDING) return void request.socket.destroy();
      const failure = error instanceof Refusal ? error : toLanternError(error, `answer ${method}`);
      outcome = failure instanceof Refusal ? 'invalid-argument' : failure.code;
      // Otherwise Node reads the body to its end before the next request of the connection.
      if (!request.complete) response.shouldKeepAlive = false;
      send(response, failure instanceof Refusal ? failure.status : 200, { Err: failure.message });
    } finally {
      response.off('close', onClose);
    }
    if (this.#options.methods.has(method)) onCall(method, outcome);
    log.debug({ method: this.#options.methods.has(method) ? method : 'unknown', code: outcome }, 'plugin call');
  }

  #methodOf({ url = '', method }: IncomingMessage): PluginMethod {
    const { methods } = this.#options;
    const handle = methods.get(url);
    if (handle === undefined) throw new Refusal(404, `the methods are ${[...methods.keys()].join(', ')}`);
    if (method !== 'POST') throw new Refusal(405, 'only POST is allowed');
    return handle;
  }
}

/** A request that is not one of the protocol; `status` is HTTP's. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Messages never quote the body. */
async function readRequest(request: IncomingMessage): Promise<Fields> {
  const body = await readBody(request);
  if (body.length === 0) return {};
  const json = parseBoundedJson(body, { bytes: MAX_BODY_BYTES, nodes: MAX_BODY_NODES });
  if (!json.ok) throw new Refusal(400, `the body ${json.faults[0]?.message}`);
  if (!isFields(json.value)) throw new Refusal(400, 'the body must be a JSON object');
  return json.value;
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const tooLarge = () => {
      request.pause();
      reject(new Refusal(413, `the body has more than ${MAX_BODY_BYTES} bytes`));
    };
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return tooLarge();
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) tooLarge();
      else chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(new Refusal(400, 'the request was cut off')));
  });
}

function send(response: ServerResponse, status: number, answer: object): void {
  const body = Buffer.from(JSON.stringify(answer));
  response.writeHead(status, { 'content-type': MEDIA_TYPE, 'content-length': body.length });
  response.end(body);
}

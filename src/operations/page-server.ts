import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { Admission, tcpPeer } from '../rpc/transport/admission.ts';
import { type AdmittedSocket, admitSocket, type Gate, type Listener } from '../rpc/transport/connection-limits.ts';
import { bindError, hostAndPortOf, portOf } from '../rpc/transport/tcp-listener.ts';

/** `type` is the media type. `headers` are added to those of all pages. */
export type Page = {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Its pieces are read when the client has room for them, until the client leaves. */
export type StreamedPage = Omit<Page, 'body'> & { readonly pieces: (signal: AbortSignal) => AsyncIterable<string> };

export type Answer = (headers: IncomingHttpHeaders) => Promise<Page | StreamedPage> | Page | StreamedPage;

/** By path; `POST /path` for another method than GET. A page that throws becomes a 500 without a reason. */
export type Pages = ReadonlyMap<string, Answer>;

const PLAIN = 'text/plain; charset=utf-8';

const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_MS = 5_000;
const IDLE_MS = 30_000;
/** Milliseconds that a client may leave a piece of a stream unread. */
const UNREAD_MS = 30_000;

export type PageGate = Gate & {
  readonly listener: Extract<Listener, 'pages' | 'live'>;
  /** For every request, also for a page that does not exist. */
  readonly guard?: {
    readonly headers: Readonly<Record<string, string>>;
    /** Undefined admits the request. */
    readonly refusal: (headers: IncomingHttpHeaders) => Page | undefined;
  };
};

type Connection = AdmittedSocket & { isAnswering: boolean };

/** Serves a few pages over plain HTTP: requests without a body, limited in size and time. */
export class PageServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #pages: Pages;
  readonly #gate: PageGate;
  readonly #admission: Admission;
  readonly #connections = new WeakMap<Socket, Connection>();

  private constructor(pages: Pages, gate: PageGate) {
    this.#pages = pages;
    this.#gate = gate;
    this.#admission = new Admission(gate.limits, gate.clock);
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: REQUEST_MS,
        requestTimeout: REQUEST_MS,
        keepAliveTimeout: IDLE_MS,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** `address` is `HOST:PORT`, an IPv6 host in brackets. `failed-precondition` if it cannot be bound. */
  static async listen(address: string, pages: Pages, gate: PageGate): Promise<PageServer> {
    const made = new PageServer(pages, gate);
    try {
      made.#server.listen(hostAndPortOf(address));
      await once(made.#server, 'listening');
    } catch (error) {
      throw bindError(error, `serve pages on "${address}"`);
    }
    return made;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** The IP address that it listens on, without brackets. Empty if it does not listen. */
  get host(): string {
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null ? bound.address : '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** A connection that waits for a request makes room for a new one, so that a probe is always answered. */
  #accept(socket: Socket): void {
    const { listener, refused } = this.#gate;
    const connection = admitSocket(socket, tcpPeer(socket), listener, this.#admission, refused);
    if (connection !== undefined) this.#connections.set(socket, { ...connection, isAnswering: false });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connections.get(request.socket);
    // Attack: one packet has a thousand requests, and Node keeps all of the answers. No known client sends a second
    // request before the first one is answered.
    if (connection === undefined || connection.isAnswering) return void request.socket.destroy();
    connection.isAnswering = true;
    connection.admitted.engage();
    // Otherwise Node reads the body to its end before the next request of the connection.
    if (hasBody(request)) response.shouldKeepAlive = false;
    const { guard } = this.#gate;
    const page = await pageFor(request, this.#pages, guard);
    const headers = {
      'content-type': page.type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...guard?.headers,
      ...page.headers,
    };
    if ('pieces' in page) {
      response.writeHead(page.status, headers);
      await this.#stream(page, response, connection);
    } else {
      const bytes = Buffer.from(page.body);
      response.writeHead(page.status, { ...headers, 'content-length': bytes.length });
      response.end(bytes);
    }
    connection.admitted.wait();
    connection.isAnswering = false;
  }

  async #stream({ pieces }: StreamedPage, response: ServerResponse, connection: Connection): Promise<void> {
    const left = new AbortController();
    response.once('close', () => left.abort());
    if (response.destroyed) return;
    try {
      for await (const piece of pieces(left.signal)) {
        if (left.signal.aborted) break;
        if (!response.write(piece)) await this.#taken(response, connection, left.signal);
        // The kernel may take megabytes at once. Without this turn, nobody else would have one until then.
        await turnOfEventLoop();
      }
    } catch {
      // The client has left, or sees from a cut answer that the rest is missing.
      response.destroy();
    }
    response.end();
  }

  async #taken(response: ServerResponse, connection: Connection, left: AbortSignal): Promise<void> {
    using _timer = this.#gate.clock.after(UNREAD_MS, () => connection.end('unresponsive'));
    await once(response, 'drain', { signal: left });
  }
}

async function pageFor(request: IncomingMessage, pages: Pages, guard: PageGate['guard']): Promise<Page | StreamedPage> {
  const refusal = guard?.refusal(request.headers);
  if (refusal !== undefined) return refusal;
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const page = pages.get(request.method === 'GET' ? path : `${request.method} ${path}`);
  if (page === undefined) return refusalOf(path, [...pages.keys()]);
  if (hasBody(request)) return plainPage(413, 'a body is not allowed\n');
  try {
    return await page(request.headers);
  } catch {
    return plainPage(500, 'this page failed\n');
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Of a path that is not there, or not with this method. */
function refusalOf(path: string, keys: readonly string[]): Page {
  const other = keys.find((key) => key.replace(/^[A-Z]+ /, '') === path);
  if (other === undefined) return plainPage(404, `the pages are ${keys.join(', ')}\n`);
  const method = other === path ? 'GET' : other.slice(0, other.indexOf(' '));
  return { ...plainPage(405, `only ${method} is allowed\n`), headers: { allow: method } };
}

export function plainPage(status: number, body: string): Page {
  return { status, type: PLAIN, body };
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Admission, type Admitted, tcpPeer } from '../rpc/transport/admission.ts';
import { admitSocket, type Gate } from '../rpc/transport/connection-limits.ts';
import { bindError, hostAndPortOf, portOf } from '../rpc/transport/tcp-listener.ts';

/** `type` is the media type. */
export type Page = { readonly status: number; readonly type: string; readonly body: string };

/** By path. A page that throws becomes a 500 without a reason. */
type Pages = ReadonlyMap<string, () => Promise<Page> | Page>;

const PLAIN = 'text/plain; charset=utf-8';

const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_MS = 5_000;
const IDLE_MS = 30_000;

/** Serves a few pages over plain HTTP: only GET, without a body, limited in size and time. */
export class PageServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #pages: Pages;
  readonly #gate: Gate;
  readonly #admission: Admission;
  readonly #admitted = new WeakMap<Socket, Admitted>();

  private constructor(pages: Pages, gate: Gate) {
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
  static async listen(address: string, pages: Pages, gate: Gate): Promise<PageServer> {
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

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** A connection that waits for a request makes room for a new one, so that a probe is always answered. */
  #accept(socket: Socket): void {
    const entry = admitSocket(socket, tcpPeer(socket), 'pages', this.#admission, this.#gate.refused);
    if (entry !== undefined) this.#admitted.set(socket, entry.admitted);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const admitted = this.#admitted.get(request.socket);
    admitted?.engage();
    // Otherwise Node reads the body to its end before the next request of the connection.
    if (hasBody(request)) response.shouldKeepAlive = false;
    const { status, type, body } = await pageFor(request, this.#pages);
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      'content-type': type,
      'content-length': bytes.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 405 ? { allow: 'GET' } : {}),
    });
    response.end(bytes);
    admitted?.wait();
  }
}

async function pageFor(request: IncomingMessage, pages: Pages): Promise<Page> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const page = pages.get(path);
  if (page === undefined) return refusal(404, `the pages are ${[...pages.keys()].join(', ')}`);
  if (request.method !== 'GET') return refusal(405, 'only GET is allowed');
  if (hasBody(request)) return refusal(413, 'a body is not allowed');
  try {
    return await page();
  } catch {
    return refusal(500, 'this page failed');
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function refusal(status: number, why: string): Page {
  return { status, type: PLAIN, body: `${why}\n` };
}

export function plainPage(status: number, body: string): Page {
  return { status, type: PLAIN, body };
}

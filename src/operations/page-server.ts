import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import { Admission, type AdmissionLimits, type Admitted } from '../rpc/transport/admission.ts';
import { tcpPeer } from '../rpc/transport/connecting-peer.ts';
import type { RefusalReason, RefusedConnections } from '../rpc/transport/connection-limits.ts';

/** One answer; `type` is its media type. */
export type Page = { readonly status: number; readonly type: string; readonly body: string };

/** What is served, by path. A page that throws becomes a 500 that says nothing of why. */
type Pages = ReadonlyMap<string, () => Promise<Page> | Page>;

const PLAIN = 'text/plain; charset=utf-8';

/** Nobody who asks for these pages needs more. */
const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_MS = 5_000;
const IDLE_MS = 30_000;

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it, or choose another address',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'its host name is not known',
  EACCES: 'this user may not use that port',
};

/** Who may connect, and who hears of those that may not. */
export type PageGate = {
  readonly limits: AdmissionLimits;
  readonly refused: RefusedConnections;
  readonly clock: Clock;
};

/** A few pages over plain HTTP: GET alone, without a body, of bounded size and time. */
export class PageServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #pages: Pages;
  readonly #gate: PageGate;
  readonly #admission: Admission;
  readonly #admitted = new WeakMap<Socket, Admitted>();

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

  /** `address` is `HOST:PORT`, an IPv6 host in brackets. `failed-precondition` when nobody can listen there. */
  static async listen(address: string, pages: Pages, gate: PageGate): Promise<PageServer> {
    const what = `serve pages on "${address}"`;
    const made = new PageServer(pages, gate);
    try {
      made.#server.listen(hostAndPortOf(address));
      await once(made.#server, 'listening');
    } catch (error) {
      const problem = PROBLEMS[errnoOf(error) ?? ''];
      if (problem === undefined) throw toLanternError(error, what);
      throw new LanternError('failed-precondition', `${what}: ${problem}`, { cause: error });
    }
    return made;
  }

  /** Where it listens. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Who waits for a request, sends it slowly or reads slowly makes room for who comes: so a probe is always answered. */
  #accept(socket: Socket): void {
    const { refused } = this.#gate;
    const peer = tcpPeer(socket);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    const end = (reason: RefusalReason) => {
      refused.note('pages', reason, peer.name);
      socket.destroy();
    };
    const admitted = this.#admission.admit(peer, () => end('displaced'));
    if (typeof admitted === 'string') {
      end(admitted);
      return;
    }
    this.#admitted.set(socket, admitted);
    refused.observer.opened('pages');
    socket.once('close', () => {
      admitted[Symbol.dispose]();
      refused.observer.closed('pages');
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const admitted = this.#admitted.get(request.socket);
    admitted?.engage();
    // A body would be read to its end before the next request of the connection.
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

function hostAndPortOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

async function pageFor(request: IncomingMessage, pages: Pages): Promise<Page> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const page = pages.get(path);
  if (page === undefined) return refusal(404, `there is only ${[...pages.keys()].join(', ')}`);
  if (request.method !== 'GET') return refusal(405, 'only GET is answered');
  if (hasBody(request)) return refusal(413, 'a body is not expected');
  try {
    return await page();
  } catch {
    return refusal(500, 'this page could not be made');
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function refusal(status: number, why: string): Page {
  return { status, type: PLAIN, body: `${why}\n` };
}

/** A page of plain text. */
export function plainPage(status: number, body: string): Page {
  return { status, type: PLAIN, body };
}

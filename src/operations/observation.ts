import type { Clock } from '../base/clock.ts';
import { descriptorLimit } from '../base/host-resources.ts';
import type { Log } from '../base/log.ts';
import { connectionLimits, RefusedConnections } from '../rpc/transport/connection-limits.ts';
import { Metrics, type Readings } from './metrics.ts';
import { type Page, PageServer, plainPage } from './page-server.ts';
import type { ReadinessCheck } from './readiness.ts';

/** What the pages show of a daemon, from the moment on when it has been put together. */
type Observed = Readings & { readonly readiness: () => readonly ReadinessCheck[] };

const STARTING: readonly ReadinessCheck[] = [{ name: 'daemon', problem: 'it is starting' }];

/**
 * Metrics and health of a daemon over HTTP, for whoever reaches the address: /metrics, /healthz (the process answers, and
 * so its event loop turns) and /readyz (it can do its work). No page holds a secret or a name.
 */
export class Observation implements AsyncDisposable {
  readonly metrics: Metrics;
  readonly #server: PageServer;
  readonly #readiness: { check: () => readonly ReadinessCheck[] };

  private constructor(metrics: Metrics, server: PageServer, readiness: { check: () => readonly ReadinessCheck[] }) {
    this.metrics = metrics;
    this.#server = server;
    this.#readiness = readiness;
  }

  /** Answers from now on. `failed-precondition` when the address cannot be listened on. */
  static async start(address: string, clock: Clock, log: Log): Promise<Observation> {
    const metrics = new Metrics();
    const readiness = { check: () => STARTING };
    const { registry } = metrics;
    const pages = new Map<string, () => Promise<Page> | Page>([
      ['/metrics', async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() })],
      ['/healthz', () => plainPage(200, 'ok\n')],
      ['/readyz', () => readyPage(readiness.check())],
    ]);
    const { pages: limits } = connectionLimits(descriptorLimit());
    const gate = { limits, refused: new RefusedConnections(log, clock, metrics), clock };
    return new Observation(metrics, await PageServer.listen(address, pages, gate), readiness);
  }

  get port(): number {
    return this.#server.port;
  }

  /** Call it once, when the daemon's parts are there, ready or not. */
  observe(daemon: Observed): void {
    this.metrics.readAtScrape(daemon);
    this.#readiness.check = daemon.readiness;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** 200 when nothing is missing, else 503; one line for each check. */
function readyPage(checks: readonly ReadinessCheck[]): Page {
  const lines = checks.map(({ name, problem }) =>
    problem === undefined ? `ok ${name}` : `not ok ${name}: ${problem}`,
  );
  const isReady = checks.every(({ problem }) => problem === undefined);
  return plainPage(isReady ? 200 : 503, `${lines.join('\n')}\n`);
}

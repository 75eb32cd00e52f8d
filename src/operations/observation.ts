import type { Clock } from '../base/clock.ts';
import { descriptorLimit } from '../base/host-resources.ts';
import type { Log } from '../base/log.ts';
import type { Projector } from '../projection/projector.ts';
import { connectionLimits, RefusedConnections } from '../rpc/transport/connection-limits.ts';
import type { RpcServer } from '../rpc/transport/server.ts';
import type { Source, Writability } from '../stores/store.ts';
import { Metrics, type Readings } from './metrics.ts';
import { type Page, PageServer, plainPage } from './page-server.ts';

const STARTING: readonly ReadinessCheck[] = [{ name: 'daemon', problem: 'it is starting' }];

/**
 * Serves pages over HTTP to everyone who reaches the address: /metrics, /healthz (the event loop runs) and /readyz (the
 * daemon can do its work). No page contains a secret or a name.
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

  /** `failed-precondition` if the address cannot be bound. */
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
    const gate = { listener: 'pages', limits, refused: new RefusedConnections(log, clock, metrics), clock } as const;
    return new Observation(metrics, await PageServer.listen(address, pages, gate), readiness);
  }

  get port(): number {
    return this.#server.port;
  }

  /** Called once, when the daemon is complete, ready or not. `signal` ends the wait for the store. */
  observe(readings: Readings, readiness: ReadinessParts, signal: AbortSignal): void {
    this.metrics.readAtScrape(readings);
    this.#readiness.check = readinessOf(readiness, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

function readyPage(checks: readonly ReadinessCheck[]): Page {
  const lines = checks.map(({ name, problem }) =>
    problem === undefined ? `ok ${name}` : `not ok ${name}: ${problem}`,
  );
  const isReady = checks.every(({ problem }) => problem === undefined);
  return plainPage(isReady ? 200 : 503, `${lines.join('\n')}\n`);
}

/** `problem` is undefined while the condition is met. */
type ReadinessCheck = { readonly name: string; readonly problem: string | undefined };

type ReadinessParts = {
  readonly source: Pick<Source, 'ready'>;
  readonly projector: Pick<Projector, 'isReady'>;
  readonly server: Pick<RpcServer, 'isServing'>;
  /** Undefined for a store that cannot run out of space. */
  readonly writability?: Pick<Writability, 'problem'> | undefined;
};

function readinessOf(parts: ReadinessParts, signal: AbortSignal): () => readonly ReadinessCheck[] {
  let isSynced = false;
  parts.source.ready(signal).then(
    () => {
      isSynced = true;
    },
    () => {},
  );
  return () => [
    check('source', isSynced, 'the store has not synced yet'),
    check('volumes', parts.projector.isReady, 'volumes of an earlier daemon are not taken over yet'),
    check('grpc', parts.server.isServing, 'calls are not served yet'),
    // The page is public, and the problem may name a path.
    check('store', parts.writability?.problem === undefined, 'writes fail; the log says why'),
  ];
}

function check(name: string, isDone: boolean, problem: string): ReadinessCheck {
  return { name, problem: isDone ? undefined : problem };
}

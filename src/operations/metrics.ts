import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { PoolTotals } from '../mount/publisher.ts';
import type { VolumeEvent } from '../projection/events/event-log.ts';
import type { VolumeCensus } from '../projection/volumes.ts';
import type { DockerCensus } from '../rpc/docker/docker-plugin.ts';
import type { CallObserver, CallOutcome } from '../rpc/handler.ts';
import type { CredentialResult } from '../rpc/systemd/find-credential.ts';
import type { ConnectionObserver, Listener, RefusalReason } from '../rpc/transport/connection-limits.ts';
import type { Staleness, Writability } from '../stores/store.ts';

/** Read at each scrape. Each is cheap: nothing is read from a disk. */
export type Readings = {
  readonly census: () => VolumeCensus;
  readonly pools: () => PoolTotals;
  readonly revision: () => number;
  /** Undefined for a store in this process. */
  readonly staleness: Pick<Staleness, 'staleSince' | 'watchRestarts'> | undefined;
  /** Undefined for a store that cannot run out of space. */
  readonly writability?: Pick<Writability, 'refusingSince'> | undefined;
  /** Undefined without a plugin for Docker. */
  readonly docker?: (() => DockerCensus) | undefined;
  /** The number of warnings about this host at the start. */
  readonly cautions: number;
  readonly version: string;
  readonly publisher: string;
  readonly store: string;
};

const PROPAGATION_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const CALL_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

type MethodLabels = { readonly grpc_service: string; readonly grpc_method: string };

/**
 * The metrics of a daemon; `docs/metrics.md` lists them. Label values come from this code: never the name of an
 * object, a namespace, a pod or a volume.
 */
export class Metrics implements CallObserver, ConnectionObserver {
  readonly registry = new Registry();
  readonly #publishes: Counter;
  readonly #unpublishes: Counter;
  readonly #updates: Counter<'cause'>;
  readonly #skipped: Counter<'reason'>;
  readonly #failures: Counter<'reason'>;
  readonly #warnings: Counter<'reason'>;
  readonly #propagation: Histogram;
  readonly #calls: Counter<'grpc_service' | 'grpc_method' | 'grpc_code'>;
  readonly #callSeconds: Histogram<'grpc_service' | 'grpc_method'>;
  readonly #inFlight: Gauge<'grpc_service' | 'grpc_method'>;
  readonly #unreadable: Counter;
  readonly #watchRestarts: Counter<'reason'>;
  readonly #connections: Gauge<'listener'>;
  readonly #refusedConnections: Counter<'listener' | 'reason'>;
  readonly #credentials: Counter<'result'>;
  readonly #dockerCalls: Counter<'method' | 'code'>;
  readonly #labels = new Map<string, MethodLabels>();

  constructor() {
    const registers = [this.registry];
    const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
      new Counter<Label>({ name, help, labelNames, registers });
    this.#publishes = counter(
      'lantern_publishes_total',
      'Targets at which a volume was published; repeats do not count.',
    );
    this.#unpublishes = counter('lantern_unpublishes_total', 'Targets from which a volume was unpublished.');
    this.#updates = counter(
      'lantern_updates_total',
      'Updates of the contents of volumes, by cause: a changed object, a request, or a refresh that found a change or renewed a token.',
      'cause',
    );
    this.#skipped = counter(
      'lantern_skipped_updates_total',
      'Publications that were not updated, by reason: those of a subPath keep the contents they were mounted with.',
      'reason',
    );
    this.#failures = counter(
      'lantern_volume_failures_total',
      'Volumes that could not be mounted yet, or keep their last good contents, by reason; each new cause counts once.',
      'reason',
    );
    this.#warnings = counter(
      'lantern_volume_warnings_total',
      'Warnings about volumes that were served nevertheless, by reason.',
      'reason',
    );
    this.#propagation = new Histogram({
      name: 'lantern_propagation_seconds',
      help: 'Time from the change reported by the store until a volume showed it.',
      buckets: PROPAGATION_SECONDS,
      registers,
    });
    this.#calls = counter(
      'lantern_grpc_calls_total',
      "Completed calls by method and status, without those of gRPC's own services.",
      'grpc_service',
      'grpc_method',
      'grpc_code',
    );
    this.#callSeconds = new Histogram({
      name: 'lantern_grpc_call_seconds',
      help: 'Duration of unary calls. Streams are not included: their clients decide when they end.',
      labelNames: ['grpc_service', 'grpc_method'],
      buckets: CALL_SECONDS,
      registers,
    });
    this.#inFlight = new Gauge({
      name: 'lantern_grpc_calls_in_flight',
      help: 'Calls under way, including open streams.',
      labelNames: ['grpc_service', 'grpc_method'],
      registers,
    });
    this.#unreadable = counter(
      'lantern_grpc_unreadable_messages_total',
      'Requests that were malformed or had too many fields. Their calls also count as INVALID_ARGUMENT.',
    );
    this.#watchRestarts = counter(
      'lantern_watch_restarts_total',
      'Watches that ended early, so that the client must list again: their revision was compacted, or the reader was too slow.',
      'reason',
    );
    this.#connections = new Gauge({
      name: 'lantern_connections',
      help: 'Open connections by listener: lantern.sock, csi.sock, credentials, Docker, TCP, these pages, or the live page.',
      labelNames: ['listener'],
      registers,
    });
    this.#refusedConnections = counter(
      'lantern_refused_connections_total',
      'Connections that were refused or cut off, by listener and reason: a limit, silence, a failed handshake, too many resets, another user, an unknown name.',
      'listener',
      'reason',
    );
    this.#credentials = counter(
      'lantern_credentials_total',
      'Credentials that units of systemd asked for, by result: served, empty (an optional one), missing, ambiguous or failed.',
      'result',
    );
    this.#dockerCalls = counter('lantern_docker_calls_total', 'Calls of a Docker engine.', 'method', 'code');
    this.#beginAtZero();
    collectDefaultMetrics({ register: this.registry });
  }

  /** Without a sample at 0 Prometheus does not see the first of these as an increase. */
  #beginAtZero(): void {
    for (const result of ['missing', 'ambiguous', 'failed']) this.#credentials.inc({ result }, 0);
    for (const reason of ['FailedMount', 'FailedUpdate']) this.#failures.inc({ reason }, 0);
    for (const reason of ['SourceStale', 'TokenRefreshFailed', 'VolumeDamaged', 'VolumeRepaired']) {
      this.#warnings.inc({ reason }, 0);
    }
  }

  readonly hear = (event: VolumeEvent): void => {
    switch (event.type) {
      case 'mounted':
        this.#publishes.inc();
        break;
      case 'unmounted':
        this.#unpublishes.inc();
        break;
      case 'updated':
        this.#updates.inc({ cause: event.cause });
        if (event.propagationMs !== undefined) this.#propagation.observe(event.propagationMs / 1000);
        break;
      case 'update-skipped':
        this.#skipped.inc({ reason: 'sub_path' });
        break;
      case 'failed':
        this.#failures.inc({ reason: event.reason });
        break;
      case 'warning':
        this.#warnings.inc({ reason: event.reason });
        break;
      // Not counted: the failure before it was.
      case 'recovered':
        break;
      default:
        event satisfies never;
    }
  };

  readonly credential = (result: CredentialResult): void => {
    this.#credentials.inc({ result });
  };

  opened(listener: Listener): void {
    this.#connections.inc({ listener });
  }

  closed(listener: Listener): void {
    this.#connections.dec({ listener });
  }

  refused(listener: Listener, reason: RefusalReason): void {
    this.#refusedConnections.inc({ listener, reason });
  }

  /** `method` is `/VolumeDriver.Mount`, one of the plugin's own. */
  dockerCall(method: string, outcome: CallOutcome): void {
    this.#dockerCalls.inc({ method: method.slice(method.indexOf('.') + 1), code: codeOf(outcome) });
  }

  begun(method: string, kind: 'unary' | 'stream'): (outcome: CallOutcome) => void {
    const labels = this.#labelsOf(method);
    const start = performance.now();
    this.#inFlight.inc(labels);
    return (outcome) => {
      this.#inFlight.dec(labels);
      this.#calls.inc({ ...labels, grpc_code: codeOf(outcome) });
      if (kind === 'unary') this.#callSeconds.observe(labels, (performance.now() - start) / 1000);
      else if (outcome === 'out-of-range') this.#watchRestarts.inc({ reason: 'history' });
      else if (outcome === 'resource-exhausted') this.#watchRestarts.inc({ reason: 'slow_reader' });
    };
  }

  unreadable(): void {
    this.#unreadable.inc();
  }

  /** Adds the gauges. Called once, when the daemon is complete. */
  readAtScrape(readings: Readings): void {
    const { revision, staleness, writability, docker, cautions, version, publisher, store } = readings;
    const [census, pools] = [onceAScrape(readings.census), onceAScrape(readings.pools)];
    const registers = [this.registry];
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    new Gauge({
      name: 'lantern_info',
      help: 'Always 1; the labels describe the daemon.',
      labelNames: ['version', 'publisher', 'store'],
      registers,
    }).set({ version, publisher, store }, 1);
    new Gauge({
      name: 'lantern_volumes',
      help: 'Volumes on this node: ready, stale (showing the last good contents) or degraded (mounted, but not updated).',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, count] of Object.entries(census().volumes)) this.set({ state }, count);
      },
    });
    new Gauge({
      name: 'lantern_publications',
      help: 'Targets that show a whole volume, or a subPath of one.',
      labelNames: ['kind'],
      registers,
      collect() {
        const { whole, subPath } = census().publications;
        this.set({ kind: 'volume' }, whole);
        this.set({ kind: 'sub_path' }, subPath);
      },
    });
    gauge(
      'lantern_generations_pinned',
      'Old generations that are kept because a subPath publication, or a bind mount of another process, shows them.',
      () => census().pinnedGenerations,
    );
    gauge(
      'lantern_pools',
      'File systems in memory (tmpfs) of the daemon; 0 with the direct publisher.',
      () => pools().pools,
    );
    gauge('lantern_pool_used_bytes', 'Bytes used in all pools together.', () => pools().usedBytes);
    gauge(
      'lantern_pool_fullest_ratio',
      'Used share of the fullest pool, from 0 to 1; a full pool refuses updates and new volumes of its namespace.',
      () => pools().fullestRatio,
    );
    gauge('lantern_pool_size_bytes', 'Size of all pools together.', () => pools().sizeBytes);
    gauge(
      'lantern_pool_limit_bytes',
      'Limit for the size of all pools together: no pool is created beyond it. 0 with the direct publisher.',
      () => pools().limitBytes,
    );
    gauge('lantern_store_revision', 'Newest revision of the store.', revision);
    gauge(
      'lantern_store_stale_since_seconds',
      'Time since which the store is unreachable, in seconds since 1970; 0 while it is reachable.',
      () => (staleness?.staleSince ?? 0) / 1000,
    );
    gauge(
      'lantern_store_refusing_since_seconds',
      'Time since which writes to the store fail, in seconds since 1970, e.g. because the disk is full; 0 while they succeed.',
      () => (writability?.refusingSince ?? 0) / 1000,
    );
    gauge(
      'lantern_store_watch_restarts',
      'Number of times the watches on a shared store were set up again since the daemon started.',
      () => staleness?.watchRestarts ?? 0,
    );
    gauge(
      'lantern_host_cautions',
      'Warnings about this host at the start of the daemon, e.g. that secrets can be swapped out; "lantern doctor" explains them.',
      () => cautions,
    );
    this.#readDocker(docker);
  }

  #readDocker(census: Readings['docker']): void {
    new Gauge({
      name: 'lantern_docker_volumes',
      help: 'Volumes that a Docker engine has created, in use by containers or unused.',
      labelNames: ['state'],
      registers: [this.registry],
      collect() {
        const { inUse, unused } = census?.() ?? { inUse: 0, unused: 0 };
        this.set({ state: 'in_use' }, inUse);
        this.set({ state: 'unused' }, unused);
      },
    });
  }

  /** The map stays small: the methods are those of our own services. */
  #labelsOf(method: string): MethodLabels {
    const known = this.#labels.get(method);
    if (known !== undefined) return known;
    const [, service = '', name = ''] = method.split('/');
    const labels = { grpc_service: service, grpc_method: name };
    this.#labels.set(method, labels);
    return labels;
  }
}

/** In gRPC's notation: `NOT_FOUND`. */
function codeOf(outcome: CallOutcome): string {
  return outcome.toUpperCase().replaceAll('-', '_');
}

/** A scrape calls all gauges in a row, and a reading costs time for each volume or pool. */
function onceAScrape<T extends object>(read: () => T): () => T {
  let known: T | undefined;
  return () => {
    if (known === undefined) {
      known = read();
      queueMicrotask(() => {
        known = undefined;
      });
    }
    return known;
  };
}

import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from './base/clock.ts';
import { DisposalStack } from './base/disposal-stack.ts';
import { makeDirectories } from './base/files.ts';
import { availableMemory, defaultPoolTotal, descriptorLimit, nodeResources } from './base/host-resources.ts';
import type { Log } from './base/log.ts';
import { Slices } from './base/steps.ts';
import type { Config } from './config/config.ts';
import { prepareRunDirectory } from './config/run-directory.ts';
import { detectPublisher } from './mount/detect/detect-publisher.ts';
import { hardenProcess, lockFile } from './mount/linux/process-calls.ts';
import type { Publisher } from './mount/publisher.ts';
import { TargetDirectories } from './mount/targets/target-directories.ts';
import { ownPlaces, TargetRoots } from './mount/targets/target-roots.ts';
import type { Shown } from './operations/live/follower.ts';
import type { LivePage } from './operations/live/live-page.ts';
import type { Readings } from './operations/metrics.ts';
import type { Observation } from './operations/observation.ts';
import { EventLog, type VolumeEvent } from './projection/events/event-log.ts';
import { PodProjector } from './projection/pods/pod-projector.ts';
import { Volumes, type VolumesDependencies } from './projection/volumes.ts';
import { controllerService } from './rpc/csi/controller-service.ts';
import { identityService } from './rpc/csi/identity-service.ts';
import { nodeService } from './rpc/csi/node-service.ts';
import type { DockerPlugin } from './rpc/docker/docker-plugin.ts';
import { eventsService } from './rpc/lantern/events-service.ts';
import { objectsService } from './rpc/lantern/objects-service.ts';
import { pageService } from './rpc/lantern/page-service.ts';
import { projectorService } from './rpc/lantern/projector-service.ts';
import { tokensService } from './rpc/lantern/tokens-service.ts';
import { connectionLimits, RefusedConnections } from './rpc/transport/connection-limits.ts';
import { RpcServer } from './rpc/transport/server.ts';
import { ThreadParser } from './spec/parser/thread-parser.ts';
import { BoundedSource, CachedSource, UnfollowedSource } from './stores/change-detection.ts';
import { MemoryStore } from './stores/kept/memory-store.ts';
import type { Store, Writability } from './stores/store.ts';
import { KeySetFile } from './tokens/key-set-file.ts';
import { SigningKeys } from './tokens/signing-keys.ts';
import { TokenSecrets } from './tokens/token-secrets.ts';
import { TokenSigner } from './tokens/token-signer.ts';

/** Files and directories of one payload. */
const MAX_ENTRIES = 10_000;

type Surroundings = {
  readonly version: string;
  readonly log: Log;
  /** The compiled `spec/parser/parse-thread.js`, if it is not beside this file. */
  readonly parseThread?: () => URL;
  /** The directory of the built page, if it is not beside this file. */
  readonly pageFiles?: () => URL;
  /** Ends waits of the start. */
  readonly signal: AbortSignal;
};

/** Disposing drains calls, leaves mounts in place (unless `--unmount-on-exit`), and releases the run directory last. */
export class Daemon implements AsyncDisposable {
  /** One line with the listening addresses, the publisher and the store. */
  readonly readyLine: string;
  readonly #volumes: Volumes;
  readonly #parts: DisposalStack;

  private constructor(readyLine: string, volumes: Volumes, parts: DisposalStack) {
    this.readyLine = readyLine;
    this.#volumes = volumes;
    this.#parts = parts;
  }

  /**
   * Resolves when calls are served and what an earlier daemon left is taken over. Throws `failed-precondition` if
   * another daemon has the run directory, or if this machine cannot do what the configuration asks for.
   */
  static async start(config: Config, surroundings: Surroundings): Promise<Daemon> {
    const { log, signal } = surroundings;
    const parts = new DisposalStack();
    try {
      hardenProcess();
      const assembled = await assemble(config, surroundings, parts);
      const { publisher, parser, store, keys, signer, volumes, server, docker, serveCredentials } = assembled;
      await volumes.takeOver();
      // It listens before it is ready: a probe gets an answer, and calls wait for the store.
      await server.start();
      await docker?.start();
      await serveCredentials?.();
      await store.connected?.(signal);
      if (config.manifests !== undefined) {
        const { ManifestDirectory } = await import('./stores/manifests/manifest-directory.ts');
        const manifests = { directory: config.manifests, store, parser, clock: systemClock, log };
        await parts.use(new ManifestDirectory(manifests)).start(signal);
        store.markReady();
      }
      await store.ready(signal);
      const fillTokenSecrets = () => {
        const filling = new TokenSecrets({ store, keys, signer, rootCa: config.rootCa, clock: systemClock, log });
        filling.start();
        return filling;
      };
      // It reads every Secret: on a shared store one daemon does so for all.
      parts.use(store.oneForAll?.('token-secrets', fillTokenSecrets) ?? fillTokenSecrets());
      const keySetFile = new KeySetFile({ path: config.jwksFile, keys, signer, clock: systemClock, log });
      await parts.use(keySetFile).start(signal);
      // Last: the refreshes of thousands of volumes would share the event loop with all of the start.
      await volumes.start(signal);
      server.setServing(true);
      return new Daemon(readyLineOf(config, publisher), volumes, parts);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Resolves when every change known so far has reached its volumes. */
  async settled(): Promise<void> {
    await this.#volumes.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}

/** Makes the daemon's parts, in the order in which they need each other. None of them serves calls yet. */
async function assemble(config: Config, surroundings: Surroundings, parts: DisposalStack) {
  const { version, log, signal } = surroundings;
  const { parseThread = () => new URL('./spec/parser/parse-thread.js', import.meta.url) } = surroundings;
  const clock = systemClock;
  const publisher = parts.use(makePublisher(config, log, parts));
  for (const caution of publisher.cautions) log.warn(caution);
  const observation = await startObservation(config, log, parts);
  const page = await startPage(config, surroundings, observation, parts);
  if (config.unmountOnExit) parts.defer(() => publisher.removeAll());
  const parser = parts.use(new ThreadParser({ script: parseThread, clock }));
  const store = await openStore(config, log, parts);
  const { staleness, writability } = store;
  const events = new EventLog({ clock, listener: listenerOf(observation, page) });
  const keys = parts.use(new SigningKeys({ store, clock }));
  const signer = new TokenSigner({ keys, issuer: config.tokenIssuer, clock });
  const { syncPeriodMs, environmentNames, isolation } = config;
  const pluginTargets = pluginTargetsOf(config);
  const dependencies: VolumesDependencies = {
    ...sourcesOf(store, config, clock),
    ...{ staleness, parser, publisher, clock, slices: new Slices(clock), log, events },
    ...{ syncPeriodMs, environmentNames, isolation },
    // In a cluster the API server issues the tokens of pods: nobody would trust ours.
    tokens: config.host === 'kubernetes' ? undefined : signer,
    budget: { bytes: config.poolBytes, entries: MAX_ENTRIES },
    allocatable: nodeResources(),
    pluginTargets,
  };
  const volumes = parts.use(new Volumes(dependencies));
  // The directories of pods are confined as their targets are.
  const directories = new TargetDirectories(new TargetRoots(targetRootsOf(config), ownPlacesOf(config)));
  const pods = new PodProjector({ ...dependencies, projector: volumes, directories });
  if (config.unmountOnExit) parts.defer(() => pods.unmountAll());
  const methods = {
    identity: identityService({ driverName: config.driverName, vendorVersion: version, projector: volumes }),
    controller: controllerService({ ...config, store, parser, projector: volumes }),
    node: nodeService({ ...config, projector: volumes, canChangeOwners: publisher.canChangeOwners }),
    projector: projectorService(volumes, pods, parser, environmentNames),
    objects: objectsService(store, parser),
    events: eventsService(events, config.nodeId),
    tokens: tokensService(signer, store),
    page: pageService(page),
  };
  const observers = { calls: observation?.metrics, connections: observation?.metrics };
  const server = parts.use(new RpcServer({ ...config, methods, ...observers, clock, log }));
  const docker = await openDockerPlugin(config, { volumes, observation, events, log }, parts);
  const readings = {
    docker: docker && (() => docker.census()),
    census: () => volumes.census(),
    pools: () => publisher.poolTotals(),
    revision: () => store.revision,
    staleness,
    cautions: publisher.cautions.length,
    version,
    publisher: publisher.kind,
    store: config.store,
    writability,
  };
  page?.show({ projector: volumes, events, ...pageReadings(config, readings, store) });
  observation?.observe(readings, { source: store, projector: volumes, server, writability }, signal);
  if (writability !== undefined) parts.use(reportWritability(writability, server, log));
  const serveCredentials = await makeCredentialServer(config, { store, events, observation, log }, parts);
  return { publisher, parser, store, keys, signer, volumes, server, docker, serveCredentials };
}

type DockerParties = {
  readonly volumes: Volumes;
  readonly observation: Observation | undefined;
  readonly events: EventLog;
  readonly log: Log;
};

/** Its code is loaded only if it is configured. */
async function openDockerPlugin(
  config: Config,
  { volumes, observation, events, log }: DockerParties,
  parts: DisposalStack,
): Promise<DockerPlugin | undefined> {
  const [directory, socket] = [pluginTargetsOf(config), config.dockerSocket];
  if (directory === undefined || socket === undefined) return undefined;
  const { DockerPlugin } = await import('./rpc/docker/docker-plugin.ts');
  const { MountTables } = await import('./mount/mount-tables.ts');
  const { docker: limits } = connectionLimits(descriptorLimit());
  const plugin = await DockerPlugin.open({
    ...{ socket, directory, limits, events, clock: systemClock, log },
    projector: volumes,
    publish: (request, signal) => volumes.publishForPlugin(request, signal),
    stateDirectory: join(config.dataDirectory, 'docker'),
    namespaces: config.dockerNamespaces,
    syncPeriodMs: config.syncPeriodMs,
    readMountTables: () => MountTables.read(),
    refused: new RefusedConnections(log, systemClock, observation?.metrics),
    onCall: (method, outcome) => observation?.metrics.dockerCall(method, outcome),
  });
  return parts.use(plugin);
}

/** The lock is taken first and released last: nobody else is in the run directory in between. */
function makePublisher(config: Config, log: Log, parts: DisposalStack): Publisher {
  prepareRunDirectory(config.runDirectory, process.geteuid?.());
  parts.use(lockFile(join(config.runDirectory, 'lock')));
  return detectPublisher({
    ...config,
    kind: config.publisher,
    pluginTargets: pluginTargetsOf(config),
    targetRoots: targetRootsOf(config),
    ownPlaces: ownPlacesOf(config),
    poolTotalBytes: config.poolTotalBytes ?? defaultPoolTotal(availableMemory()),
    // A volume of its own pool comes back to it only when it is mounted again.
    keepIdlePools: config.isolation === 'namespace',
    clock: systemClock,
    log,
  });
}

/** The parent of Docker's mountpoints, made if missing. Undefined without a plugin. */
function pluginTargetsOf({ dockerSocket, runDirectory }: Config): string | undefined {
  if (dockerSocket === undefined) return undefined;
  const directory = join(realpathSync(runDirectory), 'docker');
  makeDirectories(directory, 0o700);
  return directory;
}

function ownPlacesOf(config: Config): readonly string[] {
  const { runDirectory, dataDirectory, keyFiles, manifests, jwksFile, rootCa, tcp, etcd } = config;
  const certificates = [tcp?.tls?.cert, tcp?.tls?.key, tcp?.tls?.clientCa, rootCa];
  const login = [etcd?.ca, etcd?.pair?.cert, etcd?.pair?.key, etcd?.login?.passwordFile];
  const places = [runDirectory, dataDirectory, ...keyFiles, manifests, jwksFile, ...certificates, ...login];
  const sockets = [config.csiSocket, config.lanternSocket, config.credentialsSocket, config.dockerSocket];
  return ownPlaces(
    places,
    sockets.filter((path) => path !== undefined),
  );
}

function targetRootsOf({ targetRoots }: Config): readonly string[] {
  return targetRoots.length > 0 ? targetRoots : ['/'];
}

type CredentialParties = {
  readonly store: Store;
  readonly events: EventLog;
  readonly observation: Observation | undefined;
  readonly log: Log;
};

/** Its code is loaded only if it is configured. The returned function begins to listen. */
async function makeCredentialServer(
  { credentialsSocket: path }: Config,
  { store, events, observation, log }: CredentialParties,
  parts: DisposalStack,
): Promise<(() => Promise<void>) | undefined> {
  if (path === undefined) return undefined;
  const { CredentialServer } = await import('./rpc/systemd/credential-server.ts');
  const server = new CredentialServer({
    ...{ store, events, clock: systemClock, log },
    limits: connectionLimits(descriptorLimit()).credentials,
    refused: new RefusedConnections(log, systemClock, observation?.metrics),
    onAnswer: (result) => observation?.metrics.credential(result),
  });
  parts.use(server);
  return () => server.listen(path);
}

/** Its code is loaded only if it is configured. A busy address is refused before anything is opened. */
async function startObservation(config: Config, log: Log, parts: DisposalStack): Promise<Observation | undefined> {
  if (config.metricsAddress === undefined) return undefined;
  const { Observation } = await import('./operations/observation.ts');
  return parts.use(await Observation.start(config.metricsAddress, systemClock, log));
}

/** Its code is loaded only if it is configured. */
async function startPage(
  { pageAddress: address }: Config,
  { log, pageFiles = () => new URL('./beside/page/', import.meta.url) }: Surroundings,
  observation: Observation | undefined,
  parts: DisposalStack,
): Promise<LivePage | undefined> {
  if (address === undefined) return undefined;
  const { LivePage } = await import('./operations/live/live-page.ts');
  const settings = { address, files: pageFiles(), clock: systemClock, log, observer: observation?.metrics };
  return parts.use(await LivePage.start(settings));
}

function listenerOf(observation: Observation | undefined, page: LivePage | undefined): (event: VolumeEvent) => void {
  return (event) => {
    observation?.metrics.hear(event);
    page?.hear(event);
  };
}

function pageReadings(
  { nodeId: node }: Config,
  { census, pools, version, publisher, store }: Readings,
  { staleness, writability }: Store,
): Pick<Shown, 'start' | 'summary'> {
  return {
    start: () => ({ now: systemClock.now(), node, version, publisher, store }),
    summary: () => {
      const { volumes, publications } = census();
      return {
        volumes,
        targets: publications.whole + publications.subPath,
        pools: pools(),
        contact: staleness && { lostSince: staleness.staleSince, problem: staleness.problem },
        writeProblem: writability?.problem,
      };
    },
  };
}

/** A store that can be filled first, and whose newest revision is known. */
type DaemonStore = Store & { readonly revision: number; markReady(): void };

/** Loads only the configured store's code. With manifests, an object's absence means nothing until they are read. */
async function openStore(config: Config, log: Log, parts: DisposalStack): Promise<DaemonStore> {
  const settings = { clock: systemClock, ready: config.manifests === undefined };
  if (config.store === 'memory') return new MemoryStore(settings);
  const { dataDirectory: directory, keyFiles, etcd } = config;
  if (etcd !== undefined) {
    const { openEtcdStore } = await import('./stores/etcd/etcd-store.ts');
    const seenFile = join(config.runDirectory, 'etcd-seen.json');
    return parts.use(await openEtcdStore({ ...settings, ...etcd, keyFiles, seenFile, log }));
  }
  const { EmbeddedStore } = await import('./stores/embedded/embedded-store.ts');
  return parts.use(await EmbeddedStore.open({ ...settings, directory, keyFiles }));
}

/** Selects sources by `--change-detection`. A cached object expires before the next sync period. */
function sourcesOf(store: Store, config: Config, clock: Clock): Pick<VolumesDependencies, 'source' | 'background'> {
  // Only a remote store can hang.
  const bounded = store.staleness === undefined ? store : new BoundedSource(store, { clock });
  if (config.changeDetection === 'cache') {
    const cache = new CachedSource(bounded, { clock, ttlMs: 0.8 * config.syncPeriodMs });
    return { source: cache.newest, background: cache };
  }
  const source = config.changeDetection === 'get' ? new UnfollowedSource(bounded) : bounded;
  return { source, background: source };
}

/** Reports to the health service and to the log when the store begins and ends to refuse writes. */
function reportWritability(writability: Writability, server: RpcServer, log: Log): Disposable {
  let wasWell = true;
  const report = () => {
    const { problem } = writability;
    server.setStoring(problem === undefined);
    if (problem !== undefined) log.error(problem);
    else if (!wasWell) log.info('the store takes every write again');
    wasWell = problem === undefined;
  };
  report();
  return writability.onChange(report);
}

function readyLineOf(config: Config, publisher: Publisher): string {
  const { lanternSocket, csiSocket, credentialsSocket, dockerSocket, tcp } = config;
  const addresses = [lanternSocket, csiSocket, credentialsSocket, dockerSocket, tcp?.address].filter(
    (each) => each !== undefined,
  );
  return `lantern is ready: publisher ${publisher.kind}, store ${describeStore(config)}, listening on ${addresses.join(', ')}`;
}

function describeStore({ store, dataDirectory, etcd }: Config): string {
  if (etcd !== undefined) return `etcd at ${etcd.endpoints.join(',')} below ${etcd.prefix}`;
  return store === 'memory' ? 'memory' : `embedded in ${dataDirectory}`;
}

import { LanternError, toLanternError } from '../base/errors.ts';
import { retry, Wakeup } from '../base/retry.ts';
import type { VolumeUsage } from '../mount/publisher.ts';
import { byteOrder } from '../payload/payload.ts';
import type { RegistryCredentials } from '../payload/registry-credentials.ts';
import type { TreeEntry } from '../volume/tree.ts';
import { eventHead, recordVolumeEvent, StalenessAnnouncer } from './announce-update.ts';
import { type VolumeEvent, VolumeEvents } from './events/volume-events.ts';
import { Following } from './following.ts';
import { Leftovers } from './leftovers.ts';
import { type LiveVolume, VolumeRegistry } from './live-volume.ts';
import type {
  CredentialsRequest,
  Environment,
  EnvironmentRequest,
  Projector,
  PublishRequest,
  RefreshResult,
  RenderRequest,
  UnpublishRequest,
  UpdateRequest,
  VolumeStatus,
} from './projector.ts';
import { type Desk, publishOnce, updateOnce } from './publish.ts';
import { refreshVolumes, SyncLoop } from './refresh-volumes.ts';
import { Refresher } from './refresher.ts';
import { renderVolume } from './render-volume.ts';
import { resolveCredentials, resolveEnvironment } from './resolve.ts';
import { refreshAll, resumeVolumes } from './resume.ts';
import type { Stages } from './stages.ts';
import { statusOf, takeCensus, type VolumeCensus } from './status.ts';
import { unpublish } from './unpublish.ts';
import { dropVanished } from './vanished.ts';

/** While a mount waits for missing objects: their arrival ends a pause early. */
const WAITING = { firstMs: 250, mostMs: 10_000, jitter: 0.2 };

/** The projector of this node. */
export class VolumeProjector implements Projector, AsyncDisposable {
  readonly #stages: Stages;
  readonly #desk: Desk;
  readonly #sync: SyncLoop;
  readonly #announcer: StalenessAnnouncer | undefined;
  readonly #stop = new AbortController();
  /** The round of the sync period that is under way. */
  #look: Promise<void> = Promise.resolve();
  #isReady = false;

  /** `hear` is told of every event of every volume, at once. */
  constructor(stages: Stages, hear: (event: VolumeEvent) => void = () => {}) {
    const registry = new VolumeRegistry();
    const events = new VolumeEvents((event) => {
      recordVolumeEvent(event, stages.recorder);
      hear(event);
    });
    this.#stages = stages;
    const leftovers = new Leftovers(stages, registry);
    this.#desk = { registry, events, refresher: new Refresher(stages, registry, events), leftovers };
    const { staleness, clock } = stages;
    if (staleness !== undefined) {
      this.#announcer = new StalenessAnnouncer({ staleness, clock, volumes: () => registry.all(), events });
    }
    this.#sync = new SyncLoop(stages.clock, stages.syncPeriodMs, () => this.#lookAtAll());
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Takes over what an earlier daemon left. Before anybody calls: a call must find what is there. */
  async takeOver(): Promise<void> {
    await resumeVolumes(this.#stages, this.#desk);
  }

  /** Brings what was taken over up to date once the source has synced. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#stages.source.ready(signal);
    this.#isReady = true;
    refreshAll(this.#desk);
    this.#sync.start();
  }

  async publish(request: PublishRequest, signal: AbortSignal): Promise<VolumeStatus> {
    await this.#stages.source.ready(signal);
    try {
      return this.#statusOf(await this.#publish(request, signal));
    } catch (error) {
      // Whoever ended the call knows it; what a wait was for has been said.
      if (!signal.aborted) this.#sayFailed(request, toLanternError(error, `mount at "${request.target}"`).message);
      throw error;
    }
  }

  async #publish(request: PublishRequest, signal: AbortSignal): Promise<LiveVolume> {
    if (!request.waitForObjects) return publishOnce(request, this.#stages, this.#desk, () => {}, signal);
    const { clock, source } = this.#stages;
    const arrival = new Wakeup();
    using following = new Following(source, () => arrival.ring());
    const attempt = () => publishOnce(request, this.#stages, this.#desk, (refs) => following.follow(refs), signal);
    const pause = { sleep: (ms: number, until: AbortSignal) => arrival.wait(ms, clock, until) };
    let said: string | undefined;
    const isPassing = (error: unknown): boolean => {
      if (!(error instanceof LanternError) || error.reason !== 'MISSING_OBJECTS') return false;
      if (said !== error.message) this.#sayFailed(request, `waiting to mount at "${request.target}": ${error.message}`);
      said = error.message;
      return true;
    };
    return retry(attempt, { clock: pause, signal, backoff: WAITING, isPassing });
  }

  async unpublish(request: UnpublishRequest, signal: AbortSignal): Promise<void> {
    await unpublish(request, this.#stages, this.#desk, signal);
  }

  async update(request: UpdateRequest, signal: AbortSignal): Promise<VolumeStatus> {
    await this.#stages.source.ready(signal);
    return this.#statusOf(await updateOnce(request, this.#stages, this.#desk, signal));
  }

  async refresh(volumeId: string | undefined, signal: AbortSignal): Promise<readonly RefreshResult[]> {
    await this.#stages.source.ready(signal);
    return refreshVolumes(volumeId, this.#desk, signal);
  }

  get(volumeId: string): VolumeStatus | undefined {
    const { registry } = this.#desk;
    const volume = registry.get(registry.keyOfKnown(volumeId));
    return volume === undefined ? undefined : this.#statusOf(volume);
  }

  list(): readonly VolumeStatus[] {
    return this.#desk.registry.all().map((volume) => this.#statusOf(volume));
  }

  *listAfter(volumeId: string, namespace: string | undefined): Iterable<VolumeStatus> {
    for (const volume of this.#desk.registry.all()) {
      const isMeant = namespace === undefined || volume.namespace === namespace;
      if (isMeant && byteOrder(volume.name, volumeId) > 0) yield this.#statusOf(volume);
    }
  }

  census(): VolumeCensus {
    return takeCensus(this.#desk.registry.each());
  }

  usage(volumeId: string, target: string): VolumeUsage {
    const volume = this.#desk.registry.get(this.#desk.registry.keyOfKnown(volumeId));
    if (volume?.publications.has(volume.knownTarget(target, this.#stages.publisher)) !== true) {
      throw new LanternError('not-found', `volume "${volumeId}" is not published at "${target}"`);
    }
    return volume.hosted.usage();
  }

  events(filter: { volumeId?: string; includeExisting: boolean }, signal: AbortSignal): AsyncIterable<VolumeEvent> {
    const existing = filter.includeExisting ? this.#desk.registry.all() : [];
    const time = this.#stages.clock.now();
    const mounted = existing.flatMap((volume) =>
      [...volume.publications.keys()].map((target) => ({
        ...eventHead(volume, time),
        type: 'mounted' as const,
        target,
      })),
    );
    return this.#desk.events.read(filter.volumeId, mounted, signal);
  }

  async render(request: RenderRequest, signal: AbortSignal): Promise<readonly TreeEntry[]> {
    await this.#stages.source.ready(signal);
    return renderVolume(request, this.#stages, signal);
  }

  async resolveEnvironment(request: EnvironmentRequest, signal: AbortSignal): Promise<Environment> {
    await this.#stages.source.ready(signal);
    return resolveEnvironment(request, this.#stages, signal);
  }

  async resolveCredentials(request: CredentialsRequest, signal: AbortSignal): Promise<RegistryCredentials> {
    await this.#stages.source.ready(signal);
    return resolveCredentials(request, this.#stages, signal);
  }

  /** Resolves when every change known so far has reached its volumes. */
  async settled(): Promise<void> {
    await this.#look;
    await this.#desk.refresher.idle();
  }

  /** Stops following and refreshing; what is mounted stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#sync[Symbol.dispose]();
    this.#announcer?.[Symbol.dispose]();
    this.#stop.abort();
    await this.#look;
    this.#desk.leftovers[Symbol.dispose]();
    await this.#desk.refresher[Symbol.asyncDispose]();
  }

  /** One round of the sync period. One that takes longer than the period is not overtaken. */
  #lookAtAll(): void {
    refreshAll(this.#desk);
    this.#look = this.#look.then(() => this.#dropVanished());
  }

  async #dropVanished(): Promise<void> {
    try {
      await dropVanished(this.#stages, this.#desk, this.#stop.signal);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const { message } = toLanternError(error, 'look for volumes that others unmounted');
      this.#stages.log.warn({ problem: message }, 'what is mounted could not be looked at');
    }
  }

  #statusOf(volume: LiveVolume): VolumeStatus {
    return statusOf(volume, this.#stages.staleness);
  }

  #sayFailed({ volumeId, namespace, pod }: PublishRequest, message: string): void {
    const head = { volumeId, namespace, pod, time: this.#stages.clock.now() };
    this.#desk.events.emit({ ...head, type: 'failed', reason: 'FailedMount', message });
  }
}

import type { Clock } from '../base/clock.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
import { KeyedLock } from '../base/keyed-lock.ts';
import { Slices } from '../base/steps.ts';
import type { VolumeUsage } from '../mount/publisher.ts';
import { isBelow } from '../mount/targets/target-roots.ts';
import type { EnvNameRule } from '../objects/env-names.ts';
import type { ObjectRef } from '../objects/object.ts';
import type { RegistryCredentials } from '../payload/registry-credentials.ts';
import type { Staleness } from '../stores/store.ts';
import type { TreeEntry } from '../volume/file-system.ts';
import { volumeDirectoryName } from '../volume/layout.ts';
import type { VolumeEvent } from './events/event-log.ts';
import { Freshness, whileObjectsAreMissing } from './freshness/freshness.ts';
import { renderVolume } from './project.ts';
import type {
  CredentialsRequest,
  Environment,
  EnvironmentRequest,
  Projector,
  Published,
  PublishRequest,
  RefreshedVolumes,
  RefreshResult,
  RenderRequest,
  UnpublishRequest,
  UpdateRequest,
  VolumeState,
  VolumeStatus,
} from './projector.ts';
import { Renderings } from './renderings.ts';
import { resolveCredentials, resolveEnvironment } from './resolve.ts';
import { UNKNOWN_ID, Volume, type VolumeDependencies } from './volume.ts';
import { VolumeOrder } from './volume-order.ts';

export type VolumesDependencies = Omit<VolumeDependencies, 'freshness' | 'locks' | 'stop' | 'onChange'> & {
  /** Milliseconds after which every volume is refreshed without a change. */
  readonly syncPeriodMs: number;
  /** Decides which keys of envFrom make variables. */
  readonly environmentNames: EnvNameRule;
  /** Only `publishForPlugin` may use targets in this directory, a real path. */
  readonly pluginTargets?: string | undefined;
};

/** Volumes that one request refreshes at once: they wait for the store, not for each other. */
const CONCURRENCY = 16;

export class Volumes implements Projector, AsyncDisposable {
  readonly #dependencies: VolumesDependencies & VolumeDependencies;
  readonly #freshness: Freshness;
  readonly #staleness: StalenessReports | undefined;
  readonly #stop = new AbortController();
  /** By key. Includes volumes that are not mounted yet, or not removed yet. */
  readonly #volumes = new Map<string, Volume>();
  /** The mounted ones. */
  readonly #order = new VolumeOrder<Volume>();
  /** The round of the sync period that is under way. */
  #round: Promise<void> = Promise.resolve();
  #isReady = false;

  constructor(dependencies: VolumesDependencies) {
    const { background, staleness, clock, slices } = dependencies;
    this.#freshness = new Freshness({ source: background, clock, slices });
    this.#dependencies = {
      ...dependencies,
      freshness: this.#freshness,
      locks: new KeyedLock(),
      renderings: new Renderings(),
      stop: this.#stop.signal,
      onChange: (volume) => {
        this.#order.changed(volume);
        // Somebody may still hold a volume that is gone while there is a new one in its place.
        if (volume.isGone && this.#volumes.get(volume.key) === volume) this.#volumes.delete(volume.key);
      },
    };
    if (staleness !== undefined) this.#staleness = new StalenessReports(staleness, clock, () => this.#order.all);
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Takes over what an earlier daemon left. Must end before the first call, which has to find the volumes. */
  async takeOver(): Promise<void> {
    const { publisher, slices } = this.#dependencies;
    for (const resumed of publisher.resume()) {
      await slices.next();
      await this.#at(resumed.volume.directoryName).takeOver(resumed);
    }
  }

  /** Once the store has synced, brings up to date what was taken over. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#dependencies.source.ready(signal);
    this.#isReady = true;
    for (const volume of this.#order.all) this.#freshness.request(volume);
    this.#freshness.repeat(this.#dependencies.syncPeriodMs, () => this.#beginRound());
  }

  async publish(request: PublishRequest, signal: AbortSignal): Promise<Published> {
    const { publisher, pluginTargets } = this.#dependencies;
    const { target } = request;
    if (pluginTargets === undefined || !isBelow(publisher.realTarget(target), pluginTargets)) {
      return await this.publishForPlugin(request, signal);
    }
    const message = `mount at "${target}": "${pluginTargets}" is for volumes of the Docker engine; choose another target`;
    throw new LanternError('permission-denied', message);
  }

  /** `publish` without its limit, for the daemon's own plugin. */
  async publishForPlugin(request: PublishRequest, signal: AbortSignal): Promise<Published> {
    const { source, clock } = this.#dependencies;
    await source.ready(signal);
    const key = volumeDirectoryName(request.volumeId);
    let volume = this.#at(key);
    try {
      if (!request.waitForObjects) await volume.publish(request, signal);
      else {
        const attempt = (onRefs: (refs: readonly ObjectRef[]) => void) => {
          volume = this.#at(key);
          return volume.publish(request, signal, onRefs);
        };
        const onMissing = (problem: string) =>
          this.#reportFailure(request, `waiting to mount at "${request.target}": ${problem}`);
        await whileObjectsAreMissing(attempt, { source, clock, onMissing }, signal);
      }
      return volume;
    } catch (error) {
      // The caller that ended the call knows, and a wait has reported its reason.
      if (!signal.aborted) this.#reportFailure(request, toLanternError(error, `mount at "${request.target}"`).message);
      throw error;
    }
  }

  republish(volumeId: string, requestKey: string): Published | undefined {
    const volume = this.#isReady ? this.#volumes.get(volumeDirectoryName(volumeId)) : undefined;
    return volume?.isRepeated(requestKey) === true ? volume : undefined;
  }

  isMounted(volumeId: string): boolean {
    return this.#volumes.get(volumeDirectoryName(volumeId))?.isMounted === true;
  }

  async unpublish(request: UnpublishRequest, signal: AbortSignal): Promise<void> {
    await this.#at(this.#keyOf(request.volumeId)).unpublish(request, signal);
  }

  async update(request: UpdateRequest, signal: AbortSignal): Promise<Published> {
    await this.#dependencies.source.ready(signal);
    const volume = this.#at(volumeDirectoryName(request.volumeId));
    await volume.update(request, signal);
    return volume;
  }

  async refresh(volumeId: string, signal: AbortSignal): Promise<readonly RefreshResult[]> {
    await this.#dependencies.source.ready(signal);
    return await this.#refreshEach([this.#find(volumeId, 'refresh')], signal);
  }

  async refreshAfter(volumeId: string, limit: number, signal: AbortSignal): Promise<RefreshedVolumes> {
    await this.#dependencies.source.ready(signal);
    const rest = [...this.#order.after(volumeId)];
    const volumes = rest.slice(0, limit);
    const last = volumes.at(-1)?.name ?? volumeId;
    return { results: await this.#refreshEach(volumes, signal), last, remaining: rest.length - volumes.length };
  }

  /** Leaves out those that are unpublished meanwhile. */
  async #refreshEach(volumes: readonly Volume[], signal: AbortSignal): Promise<readonly RefreshResult[]> {
    const results = new Map<Volume, RefreshResult>();
    const waiting = volumes.values();
    const work = async () => {
      for (const volume of waiting) {
        await this.#dependencies.slices.next();
        const refreshed = await volume.refresh(signal);
        if (refreshed !== undefined) results.set(volume, { volumeId: volume.name, ...refreshed });
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    return volumes.flatMap((volume) => results.get(volume) ?? []);
  }

  get(volumeId: string): VolumeStatus | undefined {
    return this.#mounted(volumeId)?.status;
  }

  list(): readonly VolumeStatus[] {
    return this.#order.all.map(({ status }) => status);
  }

  *listAfter(volumeId: string, namespace: string | undefined): Iterable<VolumeStatus> {
    for (const volume of this.#order.after(volumeId)) {
      if (namespace === undefined || volume.namespace === namespace) yield volume.status;
    }
  }

  /** Counts in one pass; nothing is read from disk. */
  census(): VolumeCensus {
    const volumes = { ready: 0, stale: 0, degraded: 0 };
    const publications = { whole: 0, subPath: 0 };
    let pinnedGenerations = 0;
    for (const volume of this.#volumes.values()) {
      if (!volume.isMounted) continue;
      volumes[volume.state] += 1;
      const pinned = new Set<string>();
      for (const { subPath, pinnedGeneration } of volume.publications) {
        publications[subPath === undefined ? 'whole' : 'subPath'] += 1;
        if (pinnedGeneration !== undefined) pinned.add(pinnedGeneration);
      }
      pinnedGenerations += pinned.size + (volume.hosted?.boundElsewhere ?? 0);
    }
    return { volumes, publications, pinnedGenerations };
  }

  usage(volumeId: string, target: string): VolumeUsage {
    const volume = this.#mounted(volumeId);
    if (volume !== undefined) return volume.usage(target);
    throw new LanternError('not-found', `volume "${volumeId}" is not published at "${target}"`);
  }

  events(
    { volumeId, includeExisting }: { volumeId?: string; includeExisting: boolean },
    signal: AbortSignal,
  ): AsyncIterable<VolumeEvent> {
    const mounted: VolumeEvent[] = [];
    for (const volume of includeExisting ? this.#selected(volumeId) : []) {
      for (const { target } of volume.publications) mounted.push(volume.eventOf({ type: 'mounted', target }));
    }
    return this.#dependencies.events.watchVolumes(volumeId, mounted, signal);
  }

  async render(request: RenderRequest, signal: AbortSignal): Promise<readonly TreeEntry[]> {
    const { source } = this.#dependencies;
    await source.ready(signal);
    return await renderVolume(request, source, this.#dependencies, signal);
  }

  async resolveEnvironment(request: EnvironmentRequest, signal: AbortSignal): Promise<Environment> {
    await this.#dependencies.source.ready(signal);
    return await resolveEnvironment(request, this.#dependencies, signal);
  }

  async resolveCredentials(request: CredentialsRequest, signal: AbortSignal): Promise<RegistryCredentials> {
    await this.#dependencies.source.ready(signal);
    return await resolveCredentials(request, this.#dependencies, signal);
  }

  /** Resolves when no refresh is requested or under way. */
  async settled(): Promise<void> {
    await this.#round;
    await this.#freshness.idle();
  }

  /** Stops following and refreshing; what is mounted stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#staleness?.[Symbol.dispose]();
    this.#stop.abort();
    await Promise.all([this.#freshness[Symbol.asyncDispose](), this.#round]);
    for (const volume of this.#volumes.values()) volume[Symbol.dispose]();
  }

  /** Makes the volume if it does not exist: calls for one volume must meet at its lock. */
  #at(key: string): Volume {
    let volume = this.#volumes.get(key);
    if (volume === undefined) {
      volume = new Volume(key, this.#dependencies);
      this.#volumes.set(key, volume);
    }
    return volume;
  }

  /** The key of a volume by its name: its id, or `unknown:` and its directory if the record is lost. */
  #keyOf(name: string): string {
    const directory = name.startsWith(UNKNOWN_ID) ? name.slice(UNKNOWN_ID.length) : undefined;
    const isUnknown = directory !== undefined && this.#volumes.get(directory)?.name === name;
    return isUnknown ? directory : volumeDirectoryName(name);
  }

  #mounted(name: string): Volume | undefined {
    const volume = this.#volumes.get(this.#keyOf(name));
    return volume?.isMounted === true ? volume : undefined;
  }

  /** The mounted volume of this name, or all. */
  #selected(name: string | undefined): readonly Volume[] {
    if (name === undefined) return this.#order.all;
    const volume = this.#mounted(name);
    return volume === undefined ? [] : [volume];
  }

  #find(name: string, action: string): Volume {
    const volume = this.#mounted(name);
    if (volume !== undefined) return volume;
    throw new LanternError(
      'not-found',
      `${action} volume "${name}": it is not mounted here; "lantern volumes" lists what is`,
    );
  }

  /** One round of the sync period. The next waits for it. */
  #beginRound(): void {
    for (const volume of this.#order.all) this.#freshness.request(volume);
    this.#round = this.#round.then(async () => {
      try {
        await this.#dropVanished();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const { message } = toLanternError(error, 'look for volumes that others unmounted');
        this.#dependencies.log.warn({ problem: message }, 'the mounts could not be checked');
      }
    });
  }

  /** Makes one system call per publication, and reads the mount table once if any is not where it was. */
  async #dropVanished(): Promise<void> {
    const { publisher, clock } = this.#dependencies;
    const slices = new Slices(clock);
    const displaced: Volume[] = [];
    for (const volume of this.#order.all) {
      await slices.next();
      if (volume.hosted?.isInPlace() === false) displaced.push(volume);
    }
    if (displaced.length === 0) return;
    const vanished = publisher.vanished(displaced.flatMap(({ hosted }) => hosted ?? []));
    for (const volume of displaced) {
      const targets = new Set(volume.hosted && vanished.get(volume.hosted));
      const gone = [...volume.publications].filter(({ target }) => targets.has(publisher.realTarget(target)));
      if (gone.length > 0) await volume.dropVanished(gone, this.#stop.signal);
    }
  }

  #reportFailure({ volumeId, namespace, pod }: PublishRequest, message: string): void {
    const time = this.#dependencies.clock.now();
    this.#dependencies.events.emit({ volumeId, namespace, pod, time, type: 'failed', reason: 'FailedMount', message });
  }
}

/** Counts of this node, without names. */
export type VolumeCensus = {
  readonly volumes: Readonly<Record<VolumeState, number>>;
  /** Targets that show a whole volume, and those that show a subPath of one. */
  readonly publications: { readonly whole: number; readonly subPath: number };
  /** Generations that stay only because a subPath publication, or a bind that others made, shows them. */
  readonly pinnedGenerations: number;
};

/** An etcd election, or a member that goes away, is over sooner and not worth an event for every volume. */
const PATIENCE_MS = 5_000;

/** Emits an event for every volume with objects when the store is out of touch, and another when it is back. */
class StalenessReports implements Disposable {
  readonly #staleness: Staleness;
  readonly #clock: Clock;
  readonly #volumes: () => readonly Volume[];
  readonly #subscription: Disposable;
  #timer: Disposable | undefined;
  /** The reported volumes, and since when they are stale (milliseconds since 1970 UTC). */
  #reported: ReadonlyMap<Volume, number> = new Map();

  constructor(staleness: Staleness, clock: Clock, volumes: () => readonly Volume[]) {
    this.#staleness = staleness;
    this.#clock = clock;
    this.#volumes = volumes;
    this.#subscription = staleness.onTouch(() => this.#onTouch());
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
  }

  #onTouch(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#staleness.staleSince === undefined) this.#reportEnd();
    else this.#timer = this.#clock.after(PATIENCE_MS, () => this.#report());
  }

  #report(): void {
    const reported = new Map<Volume, number>();
    for (const volume of this.#volumes()) {
      const since = volume.staleSince;
      if (since === undefined) continue;
      const message = `the contents stay as they are since ${new Date(since).toISOString()}: ${this.#staleness.problem ?? 'the store is out of touch'}`;
      volume.emit({ type: 'warning', reason: 'SourceStale', message });
      reported.set(volume, since);
    }
    this.#reported = reported;
  }

  #reportEnd(): void {
    const reported = this.#reported;
    this.#reported = new Map();
    if (reported.size === 0) return;
    for (const volume of this.#volumes()) {
      const since = reported.get(volume);
      if (since === undefined) continue;
      const message = `its objects are followed again; the store was out of touch since ${new Date(since).toISOString()}`;
      volume.emit({ type: 'recovered', message });
    }
  }
}

import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import type { KeyedLock } from '../base/keyed-lock.ts';
import type { Log } from '../base/log.ts';
import { type Backoff, delays } from '../base/retry.ts';
import type { HostedVolume, Publisher, ResumedVolume, VolumeUsage } from '../mount/publisher.ts';
import { type ObjectRef, parseRefKey } from '../objects/object.ts';
import { isSameTokens, type Notice } from '../payload/payload.ts';
import type { Source, Staleness } from '../stores/store.ts';
import type { WriteOutcome } from '../volume/atomic-writer.ts';
import { timeOfGeneration } from '../volume/layout.ts';
import { type KeptToken, type RecordedPublication, type RequestInputs, USUAL_ACCESS } from '../volume/record.ts';
import { requireAgreement, type Wanted } from './agreement.ts';
import type { EventLog, VolumeEvent, VolumeIncident } from './events/event-log.ts';
import type { Freshness, Refreshable, Trigger } from './freshness/freshness.ts';
import { NOTHING, type Projection, type ProjectionDependencies, project, refsOf } from './project.ts';
import type {
  ObjectRevision,
  PublishRequest,
  RefreshResult,
  UnpublishRequest,
  UpdateRequest,
  VolumeState,
  VolumeStatus,
} from './projector.ts';
import type { Provenance } from './renderings.ts';
import { isAnyDue, renewalTime } from './volume-tokens.ts';

export type VolumeDependencies = ProjectionDependencies & {
  /** Read by requests: the newest state. */
  readonly source: Source;
  /** Read by unrequested refreshes: the same, or a state that may be older. */
  readonly background: Source;
  readonly staleness?: Staleness | undefined;
  readonly publisher: Publisher;
  readonly log: Log;
  readonly events: EventLog;
  readonly freshness: Freshness;
  /** By the volumes' keys. */
  readonly locks: KeyedLock;
  /** Volumes of a namespace share a pool, or none do. */
  readonly isolation: 'namespace' | 'volume';
  /** Ends what the volume does by itself. */
  readonly stop: AbortSignal;
  /** Called when the volume begins or ends to be mounted, when its name changes, and when it `isGone`. */
  readonly onChange: (volume: Volume) => void;
};

type Refreshed = Omit<RefreshResult, 'volumeId'>;

/** The name of a volume without a usable record starts with this; its directory's name follows. */
export const UNKNOWN_ID = 'unknown:';
const NAMED_DAMAGES = 5;
/** For attempts to remove files. */
const RETRY: Backoff = { firstMs: 1_000, maxMs: 60_000, jitter: 0.2 };
/** Of most volumes. */
const NO_INPUTS: RequestInputs = { data: new Map(), tokens: new Map() };
const ON_REQUEST: Trigger = { since: undefined, isLook: true };

/** One volume: its contents, its publications and its health. Methods run one after the other, under its lock. */
export class Volume implements Refreshable, Disposable {
  /** The name of its directory, a hash of its id. A volume whose record is lost has no other name. */
  readonly key: string;
  readonly #dependencies: VolumeDependencies;
  #hosted: HostedVolume | undefined;
  /** Undefined if the record is lost: then it stays mounted as it is. Kept after the end, for the name. */
  #wanted: Wanted | undefined;
  /** By target. `isAssumed` marks those of which only the mount is known, not the request. */
  readonly #publications = new Map<string, RecordedPublication>();
  #provenance: Provenance = NOTHING.provenance;
  /** Issued by the daemon, by audience. */
  #tokens: ReadonlyMap<string, KeptToken> = NOTHING.tokens;
  /** See `IssuedTokens`. */
  #keyChanges: number | undefined;
  /** True if the contents came with notices, which every publish reports. */
  #hasNotices = false;
  /** The last request, if it succeeded and nothing but refreshes followed. `target`: the name it is published by. */
  #repeatable: { readonly requestKey: string | undefined; readonly target: string } | undefined;
  /** True from the first publication until the last one is gone. */
  #isMounted = false;
  /** Milliseconds since 1970 UTC. Undefined if an earlier version mounted it. */
  #mountedAt: number | undefined;
  #isSaved = true;
  /** Changes on disk that only a new mount can repair, found by the last look. */
  #damage: string | undefined;
  /** The reason why the contents cannot be renewed. */
  #lastError: string | undefined;
  /** Milliseconds since 1970 UTC: one of those is set since then, as this daemon knows. */
  #problemSince: number | undefined;
  /** Retries the removal of files. */
  #removal: { readonly timer: Disposable; readonly waits: Generator<number, never> } | undefined;
  /** Calls that run or wait. */
  #calls = 0;

  constructor(key: string, dependencies: VolumeDependencies) {
    this.key = key;
    this.#dependencies = dependencies;
  }

  /**
   * Publishes at the request's target. A failing first publish leaves nothing behind; a failing repeat changes no
   * mount. `onRefs` is called with the objects it needs, before they are read.
   */
  publish(asked: PublishRequest, signal: AbortSignal, onRefs?: (refs: readonly ObjectRef[]) => void): Promise<void> {
    return this.#exclusively(signal, async () => {
      this.#repeatable = undefined;
      // Here and below: short calls are answered between two slices of such work.
      await this.#dependencies.slices.next();
      // A failed removal left something.
      if (!this.#isMounted && this.#hosted !== undefined) await this.#removeFiles();
      const target = this.#isMounted ? this.#publishedName(asked.target) : asked.target;
      const request = target === asked.target ? asked : { ...asked, target };
      const before = this.#isMounted ? this.#wanted : undefined;
      if (before !== undefined) requireAgreement(request, before, this.#publications);
      try {
        if (this.#isMounted) await this.#look();
        const projection = await this.#project(request, this.#dependencies.source, signal, onRefs);
        const { volumeId, namespace, definition, mountGroup, pod, podVolume } = request;
        const { data, tokens } = request.inputs;
        const inputs = data.size + tokens.size === 0 ? NO_INPUTS : request.inputs;
        const domain = this.#dependencies.isolation === 'volume' ? volumeId : namespace;
        this.#hosted ??= this.#dependencies.publisher.open(volumeId, domain);
        const outcome = await this.#hosted.write(projection.payload);
        this.#accept({ volumeId, namespace, definition, mountGroup, pod, inputs, podVolume }, projection);
        this.#announce(outcome, projection.notices, 'request');
        if (!this.#isMounted) this.#mountedAt = Math.floor(this.#dependencies.clock.now());
        await this.#show(this.#hosted, request);
        this.#setMounted(true);
        this.#settle(projection);
        this.#repeatable = { requestKey: request.requestKey, target };
      } catch (error) {
        if (this.#isMounted) this.#goBack(before);
        else await this.#discard();
        throw error;
      }
    });
  }

  /**
   * True if the last request had this key, and its publish would find everything as it left it: objects, tokens, files,
   * record and mount. Needs no lock: it looks without a pause, and only while nobody has the lock or waits for it.
   */
  isRepeated(requestKey: string): boolean {
    if (this.#calls > 0 || this.#repeatable?.requestKey !== requestKey) return false;
    const { target } = this.#repeatable;
    const { source, staleness, freshness, tokens, clock } = this.#dependencies;
    const { storeId, objects } = this.#provenance;
    if (!this.#isMounted || !this.#isSaved || this.#problem !== undefined || this.#hasNotices) return false;
    if (!freshness.isAtRest(this) || staleness?.staleSince !== undefined || source.storeId !== storeId) return false;
    for (const [key, revision] of objects) if (source.revisionOf(key) !== revision) return false;
    if (isAnyDue(this.#tokens, this.#wanted?.inputs.tokens ?? new Map(), clock.now())) return false;
    if (this.#tokens.size > 0 && tokens?.keyChanges !== this.#keyChanges) return false;
    try {
      return this.#hosted?.isUntouched(target) === true;
    } catch (error) {
      // Nothing is there, or it cannot be reached: the whole publish says so.
      if (error instanceof LanternError || errnoOf(error) !== undefined) return false;
      throw error;
    }
  }

  /** Replaces the definition or the request's data. `not-found` if the volume is not mounted, or its record is lost. */
  update(request: UpdateRequest, signal: AbortSignal): Promise<void> {
    return this.#exclusively(signal, async () => {
      this.#repeatable = undefined;
      await this.#dependencies.slices.next();
      const [hosted, before] = [this.#hosted, this.#wanted];
      if (!this.#isMounted || hosted === undefined || before === undefined) {
        throw new LanternError(
          'not-found',
          `update volume "${request.volumeId}": it is not mounted here; mount it first`,
        );
      }
      const inputs = { ...before.inputs, data: request.data ?? before.inputs.data };
      const wanted = { ...before, definition: request.definition ?? before.definition, inputs };
      try {
        const projection = await this.#project(wanted, this.#dependencies.source, signal);
        const outcome = await hosted.write(projection.payload);
        this.#accept(wanted, projection);
        this.#announce(outcome, projection.notices, 'request');
        this.#save();
        this.#settle(projection);
      } catch (error) {
        this.#goBack(before);
        throw error;
      }
    });
  }

  /** Refreshes from the newest objects, for a request. Undefined if the volume is not mounted any more. */
  refresh(signal: AbortSignal): Promise<Refreshed | undefined> {
    const { source } = this.#dependencies;
    return this.#exclusively(signal, () => this.#refresh(ON_REQUEST, source, signal));
  }

  async keepFresh(take: () => Trigger | undefined, signal: AbortSignal): Promise<void> {
    await this.#exclusively(signal, async () => {
      const trigger = take();
      if (trigger !== undefined) await this.#refresh(trigger, this.#dependencies.background, signal);
    });
  }

  /** Rejects only if the signal aborts. */
  async #refresh({ since, isLook }: Trigger, source: Source, signal: AbortSignal): Promise<Refreshed | undefined> {
    const [hosted, wanted] = [this.#hosted, this.#wanted];
    if (!this.#isMounted || hosted === undefined) return undefined;
    if (wanted === undefined) return { isChanged: false, error: this.#lastError };
    try {
      if (isLook) await this.#look();
      const projection = await this.#project(wanted, source, signal);
      const outcome = await hosted.write(projection.payload);
      const { provenance, issued, notices } = projection;
      const isNews = !isSameHistory(this.#provenance, provenance) || !isSameTokens(this.#tokens, issued.tokens);
      this.#accept(wanted, projection);
      const cause = since === undefined ? 'refresh' : 'object';
      if (outcome.changed) this.#announce(outcome, notices, cause, since);
      if (isNews || !this.#isSaved) this.#save();
      this.#settle(projection);
      return { isChanged: outcome.changed, error: this.#lastError };
    } catch (error) {
      signal.throwIfAborted();
      const failure = toLanternError(error, `refresh volume "${this.name}"`);
      this.#reportProblem(failure, 'a volume keeps its last good contents');
      this.#dependencies.freshness.failed(this);
      return { isChanged: false, error: failure.message };
    }
  }

  /**
   * Unpublishes one target, or all, also what is at an unpublished target (after a reboot, or with a lost record). The
   * last publication takes the files with it. A failure does not stop the others; the first is thrown at the end.
   */
  unpublish(request: UnpublishRequest, signal: AbortSignal): Promise<void> {
    return this.#exclusively(signal, async () => {
      this.#repeatable = undefined;
      await this.#dependencies.slices.next();
      const failures: unknown[] = [];
      for (const target of request.target === undefined ? [...this.#publications.keys()] : [request.target]) {
        try {
          await this.#withdraw(request.volumeId, this.#publishedName(target));
        } catch (error) {
          failures.push(error);
        }
      }
      try {
        if (this.#publications.size > 0) this.#save();
        else await this.#end();
      } catch (error) {
        failures.push(error);
      }
      if (failures.length > 0) throw failures[0];
    });
  }

  /** Drops publications whose mounts others removed: nobody sees them, and they would keep the files. */
  dropVanished(vanished: readonly RecordedPublication[], signal: AbortSignal): Promise<void> {
    const { publisher, log } = this.#dependencies;
    return this.#exclusively(signal, async () => {
      this.#repeatable = undefined;
      // One may have been published again during the wait for the lock.
      const gone = vanished.filter((publication) => this.#publications.get(publication.target) === publication);
      for (const { target } of gone) {
        await this.#hosted?.forget(publisher.realTarget(target));
        this.#publications.delete(target);
        log.warn({ volume: this.name, target }, 'a mount was removed by others, and the publication is dropped');
        this.emit({ type: 'unmounted', target });
      }
      if (gone.length === 0) return;
      if (this.#publications.size === 0) await this.#discard();
      else this.#trySaving();
    });
  }

  /**
   * Takes over what an earlier daemon left. A publication that is not mounted any more is dropped, and a volume with
   * none is removed. One without a usable record stays as it is. Rendering waits for the store, or for a due token.
   */
  takeOver({ volume: hosted, record, inputs, liveTargets }: ResumedVolume): Promise<void> {
    const { clock, log, stop } = this.#dependencies;
    return this.#exclusively(stop, async () => {
      this.#hosted = hosted;
      if (record.ok) {
        const { publications, storeId, objects, mountedAt, ...rest } = record.value;
        this.#wanted = {
          ...rest,
          inputs: inputs === undefined ? NO_INPUTS : { data: inputs.data, tokens: inputs.tokens },
        };
        this.#tokens = inputs?.issued ?? new Map();
        this.#provenance = { storeId, objects };
        this.#mountedAt = mountedAt;
        const live = new Map(liveTargets.map((target) => [target.target, target]));
        for (const publication of publications) {
          const found = live.get(publication.target);
          // After a crash between record and mount, the generation that the mount shows is the pinned one.
          if (found !== undefined) this.#publications.set(publication.target, { ...publication, ...found });
        }
      } else {
        this.#lastError = `its record cannot be read (${record.problem}); mount it again to have it updated`;
        this.#problemSince = clock.now();
        for (const live of liveTargets) {
          this.#publications.set(live.target, { ...live, ...USUAL_ACCESS, isAssumed: true });
        }
      }
      if (this.#publications.size === 0) return await this.#discard();
      this.#setMounted(true);
      this.#renewTokens(undefined);
      if (!record.ok) log.error({ volume: this.name, problem: this.#lastError }, 'a volume has no usable record');
    });
  }

  /** The id; for a volume whose record is lost `unknown:` and its directory's name. */
  get name(): string {
    return this.#wanted?.volumeId ?? `${UNKNOWN_ID}${this.key}`;
  }

  get namespace(): string {
    return this.#wanted?.namespace ?? '';
  }

  get isMounted(): boolean {
    return this.#isMounted;
  }

  /** True if nothing is left of it and nobody uses it. */
  get isGone(): boolean {
    return this.#calls === 0 && this.#hosted === undefined;
  }

  get publications(): Iterable<RecordedPublication> {
    return this.#publications.values();
  }

  get hosted(): HostedVolume | undefined {
    return this.#hosted;
  }

  get state(): VolumeState {
    if (this.#wanted === undefined || this.#damage !== undefined) return 'degraded';
    return this.#lastError === undefined ? 'ready' : 'stale';
  }

  /** Milliseconds since 1970 UTC: since then the store cannot confirm that the contents are the newest. */
  get staleSince(): number | undefined {
    return this.#provenance.objects.size === 0 ? undefined : this.#dependencies.staleness?.staleSince;
  }

  /** Without secret bytes. Files that cannot be read make the volume stale. */
  get status(): VolumeStatus {
    const { files, generation, problem } = this.#contents();
    const objects: ObjectRevision[] = [];
    for (const [key, revision] of this.#provenance.objects) {
      const { kind, name } = parseRefKey(key);
      objects.push({ kind, name, revision: revision ?? undefined });
    }
    return {
      volumeId: this.name,
      namespace: this.namespace,
      state: problem !== undefined && this.state === 'ready' ? 'stale' : this.state,
      generation,
      definition: this.#wanted?.definition,
      files,
      publications: [...this.#publications.values()],
      lastError: this.#problem ?? problem,
      problemSince: this.#problemSince,
      mountedAt: this.#mountedAt,
      updatedAt: generation === undefined ? undefined : timeOfGeneration(generation),
      staleSince: this.staleSince,
      objects,
      mountGroup: this.#wanted?.mountGroup,
      pod: this.#wanted?.pod,
      podVolume: this.#wanted?.podVolume,
    };
  }

  #contents(): Pick<VolumeStatus, 'files' | 'generation'> & { readonly problem: string | undefined } {
    try {
      return { files: this.#hosted?.files() ?? [], generation: this.#hosted?.generation, problem: undefined };
    } catch (error) {
      const { message } = toLanternError(error, `list the files of volume "${this.name}"`);
      return { files: [], generation: undefined, problem: message };
    }
  }

  /** Throws `not-found` for a target it is not published at. */
  usage(target: string): VolumeUsage {
    if (this.#hosted !== undefined && this.#publications.has(this.#publishedName(target))) return this.#hosted.usage();
    throw new LanternError('not-found', `volume "${this.name}" is not published at "${target}"`);
  }

  emit(incident: VolumeIncident): void {
    this.#dependencies.events.emit(this.eventOf(incident));
  }

  eventOf(incident: VolumeIncident): VolumeEvent {
    const time = this.#dependencies.clock.now();
    const { namespace = '', pod } = this.#wanted ?? {};
    return { volumeId: this.name, namespace, pod, time, ...incident };
  }

  /** Ends the retries; the next start removes what is left. */
  [Symbol.dispose](): void {
    this.#removal?.timer[Symbol.dispose]();
  }

  async #exclusively<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await this.#dependencies.locks.run(this.key, signal, action);
    } finally {
      this.#calls--;
      if (this.#calls === 0 && this.#hosted === undefined) this.#dependencies.onChange(this);
    }
  }

  /** The name a target is published by: one behind a linked root has two. The target itself if it is unpublished. */
  #publishedName(target: string): string {
    if (this.#publications.size === 0 || this.#publications.has(target)) return target;
    const { publisher } = this.#dependencies;
    const real = realTargetOf(target, publisher);
    if (real === undefined) return target;
    return [...this.#publications.keys()].find((known) => publisher.realTarget(known) === real) ?? target;
  }

  /** Follows the objects of the present contents and of the next ones, until the outcome is known. */
  #project(
    wanted: Wanted,
    source: Source,
    signal: AbortSignal,
    onRefs?: (refs: readonly ObjectRef[]) => void,
  ): Promise<Projection> {
    const before = refsOf(this.#provenance);
    const follow = (refs: readonly ObjectRef[]) => {
      onRefs?.(refs);
      this.#dependencies.freshness.follow(this, before.length === 0 || before === refs ? refs : [...before, ...refs]);
    };
    const target = { provenance: this.#provenance, tokens: this.#tokens, follow };
    return project(wanted, target, source, this.#dependencies, signal);
  }

  /** Notes what the volume holds once the files are written. */
  #accept(wanted: Wanted, { definition, provenance, issued, notices }: Projection): void {
    const isNamed = this.#wanted !== undefined;
    this.#wanted = wanted.definition === definition ? wanted : { ...wanted, definition };
    this.#provenance = provenance;
    this.#tokens = issued.tokens;
    this.#keyChanges = issued.keyChanges;
    this.#hasNotices = notices.length > 0;
    if (!isNamed) this.#dependencies.onChange(this);
  }

  /** Reports changes, warnings, and the subPath publications that keep what they show. */
  #announce(
    { changed, previous, generation, changedPaths }: WriteOutcome,
    notices: readonly Notice[],
    cause: 'object' | 'request' | 'refresh',
    since?: number,
  ): void {
    const isUpdate = changed && this.#publications.size > 0;
    if (isUpdate) {
      const propagationMs = since === undefined ? undefined : this.#dependencies.clock.monotonic() - since;
      const generations = { oldGeneration: previous, newGeneration: generation };
      this.emit({ type: 'updated', ...generations, changedPaths, cause, propagationMs });
    }
    for (const notice of notices) this.emit({ type: 'warning', ...notice });
    for (const { target, subPath } of isUpdate ? this.#publications.values() : []) {
      if (subPath === undefined) continue;
      const message = `"${subPath}" at "${target}" is a subPath publication and keeps what it was mounted with`;
      this.emit({ type: 'update-skipped', target, message });
    }
  }

  /**
   * Makes the volume visible at the target. The record with the publication is saved before the mount is visible, so
   * that a crash between loses nothing. A mount that was there already keeps the generation it shows.
   */
  async #show(
    hosted: HostedVolume,
    { target, subPath, accessMode, readonly, mountFlags }: PublishRequest,
  ): Promise<void> {
    const before = this.#publications.get(target);
    try {
      await hosted.publish(target, subPath, mountFlags, ({ pinnedGeneration, mountId }) => {
        const shown = { target, subPath, pinnedGeneration, mountId, accessMode, readonly, mountFlags };
        this.#publications.set(target, shown);
        this.#save();
      });
    } catch (error) {
      if (before === undefined) this.#publications.delete(target);
      else this.#publications.set(target, before);
      throw error;
    }
    if (before === undefined) this.emit({ type: 'mounted', target });
  }

  async #withdraw(volumeId: UnpublishRequest['volumeId'], target: string): Promise<void> {
    if (!this.#publications.has(target)) return this.#dependencies.publisher.clear(volumeId, target);
    // Only others gain by the time that the kernel takes.
    await this.#hosted?.unpublish(target, this.#dependencies.locks.size > 1);
    this.#publications.delete(target);
    this.emit({ type: 'unmounted', target });
  }

  /** Writes what a restarted daemon needs. Secret bytes go to a file of their own. */
  #save(): void {
    if (this.#wanted === undefined) return;
    this.#isSaved = false;
    const { volumeId, namespace, definition, mountGroup, pod, podVolume, inputs } = this.#wanted;
    const isEmpty = inputs.data.size === 0 && inputs.tokens.size === 0 && this.#tokens.size === 0;
    this.#hosted?.saveInputs(isEmpty ? undefined : { ...inputs, issued: this.#tokens });
    this.#hosted?.saveRecord({
      volumeId,
      namespace,
      definition,
      mountGroup,
      pod,
      podVolume,
      mountedAt: this.#mountedAt,
      publications: [...this.#publications.values()],
      storeId: this.#provenance.storeId,
      objects: this.#provenance.objects,
    });
    this.#isSaved = true;
  }

  #trySaving(): void {
    try {
      this.#save();
    } catch (error) {
      const { message } = toLanternError(error, 'save the record');
      this.#dependencies.log.warn(
        { volume: this.name, problem: message },
        'the record of a volume could not be written',
      );
    }
  }

  /** The volume is up to date: only what it depends on is followed, and its tokens are renewed in time. */
  #settle({ issued: { failure }, problem }: Projection): void {
    if (problem?.message !== this.#lastError) this.#reportProblem(problem, 'a volume shows a token that has expired');
    const hasTokens = this.#tokens.size > 0 || this.#wanted?.inputs.tokens.size !== 0;
    this.#dependencies.freshness.settled(this, refsOf(this.#provenance), hasTokens);
    const beginsToFail = hasTokens && this.#renewTokens(failure);
    if (failure === undefined) return;
    const { message } = failure;
    this.#dependencies.log.debug({ volume: this.name, problem: message }, 'a token could not be renewed');
    if (beginsToFail) this.emit({ type: 'warning', reason: 'TokenRefreshFailed', message });
  }

  #renewTokens(failure: LanternError | undefined): boolean {
    const { clock, freshness } = this.#dependencies;
    const due = renewalTime({ tokens: this.#tokens, failure }, this.#wanted?.inputs.tokens ?? new Map(), clock.now());
    return freshness.renew(this, due, failure !== undefined);
  }

  /** Refreshes a volume whose request failed, in case its files were written. Without a record it keeps what it has. */
  #goBack(before: Wanted | undefined): void {
    const { freshness, log } = this.#dependencies;
    const wasAccepted = this.#wanted !== before;
    this.#wanted = before ?? this.#wanted;
    freshness.request(this);
    if (!wasAccepted) return;
    try {
      this.#save();
    } catch (error) {
      log.error({ volume: this.name, error }, 'the record of a volume could not be written back');
    }
  }

  /** Checks the files on disk. Reports repairs, and lasting damage once. Fails as a write does if a repair fails. */
  async #look(): Promise<void> {
    if (this.#hosted === undefined) return;
    const { log } = this.#dependencies;
    const { repaired, lasting } = await this.#hosted.look();
    if (repaired.length > 0) {
      const damages = listed(repaired);
      log.warn({ volume: this.name, damages }, 'a damaged volume was repaired');
      const message = `somebody damaged it, and it was written again: ${damages}`;
      this.emit({ type: 'warning', reason: 'VolumeRepaired', message });
    }
    const damage = lasting.length === 0 ? undefined : listed(lasting);
    if (damage !== undefined && damage !== this.#damage) {
      log.warn({ volume: this.name, damage }, 'a volume is damaged');
      this.emit({ type: 'warning', reason: 'VolumeDamaged', message: damage });
    }
    this.#setHealth(this.#lastError, damage);
  }

  /** Reports once why the contents cannot be renewed. Undefined: they were. */
  #reportProblem(error: LanternError | undefined, summary: string): void {
    const isNews = this.#lastError !== error?.message;
    this.#setHealth(error?.message, this.#damage);
    if (error === undefined || !isNews) return;
    this.#dependencies.log.warn({ volume: this.name, error }, summary);
    this.emit({ type: 'failed', reason: 'FailedUpdate', message: error.message });
  }

  get #problem(): string | undefined {
    return this.#lastError ?? this.#damage;
  }

  /** Notes since when something is wrong, and reports when all is well again. */
  #setHealth(lastError: string | undefined, damage: string | undefined): void {
    const before = this.#problem;
    const since = this.#problemSince;
    this.#lastError = lastError;
    this.#damage = damage;
    const isWell = this.#problem === undefined;
    this.#problemSince = isWell ? undefined : (since ?? this.#dependencies.clock.now());
    if (!isWell || before === undefined) return;
    this.#dependencies.log.info({ volume: this.name, problem: before }, 'a volume is well again');
    const duration = since === undefined ? '' : `; since ${new Date(since).toISOString()} it was not`;
    this.emit({ type: 'recovered', message: `it is well again${duration}: ${before}` });
  }

  #setMounted(isMounted: boolean): void {
    if (this.#isMounted === isMounted) return;
    this.#isMounted = isMounted;
    this.#dependencies.onChange(this);
  }

  /** Forgets a volume without publications and removes its files. Throws if the removal has to be retried later. */
  async #end(): Promise<void> {
    this.#dependencies.freshness.forget(this);
    this.#setMounted(false);
    this.#provenance = NOTHING.provenance;
    this.#tokens = NOTHING.tokens;
    this.#damage = this.#lastError = this.#problemSince = this.#mountedAt = undefined;
    await this.#removeFiles();
  }

  async #discard(): Promise<void> {
    try {
      await this.#end();
    } catch (error) {
      const { message } = toLanternError(error, 'remove a volume');
      this.#dependencies.log.warn({ problem: message }, 'the files of a volume could not be removed; this is retried');
    }
  }

  /** Removes the files of a volume that is not mounted, if there are any. A failure is retried until they are gone. */
  async #removeFiles(): Promise<void> {
    const { clock } = this.#dependencies;
    this.#removal?.timer[Symbol.dispose]();
    try {
      await this.#hosted?.remove();
    } catch (error) {
      const waits = this.#removal?.waits ?? delays(RETRY);
      this.#removal = { waits, timer: clock.after(waits.next().value, () => void this.#retryRemoval()) };
      throw error;
    }
    this.#hosted = this.#removal = undefined;
  }

  async #retryRemoval(): Promise<void> {
    const { stop } = this.#dependencies;
    try {
      await this.#exclusively(stop, async () => {
        if (!this.#isMounted) await this.#removeFiles();
      });
    } catch (error) {
      // It failed again, which was reported the first time, or the daemon stops.
      if (!(error instanceof LanternError) && !stop.aborted) throw error;
    }
  }
}

/** Undefined for a path that cannot be a target, such as a relative one. */
function realTargetOf(target: string, publisher: Pick<Publisher, 'realTarget'>): string | undefined {
  try {
    return publisher.realTarget(target);
  } catch (error) {
    if (error instanceof LanternError && error.code === 'invalid-argument') return undefined;
    throw error;
  }
}

function listed(damages: readonly string[]): string {
  const named = damages.slice(0, NAMED_DAMAGES).join(', ');
  return damages.length > NAMED_DAMAGES ? `${named} and ${damages.length - NAMED_DAMAGES} more` : named;
}

/** True if a restart would decide the same from either: same store, same objects present and absent. */
function isSameHistory(a: Provenance, b: Provenance): boolean {
  if (a.storeId !== b.storeId || a.objects.size !== b.objects.size) return false;
  for (const [key, revision] of a.objects) {
    const other = b.objects.get(key);
    if (other === undefined || (other === null) !== (revision === null)) return false;
  }
  return true;
}

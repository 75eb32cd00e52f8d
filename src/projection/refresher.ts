import { type LanternError, toLanternError } from '../base/errors.ts';
import { type Backoff, delays } from '../base/retry.ts';
import type { ObjectRef } from '../objects/object.ts';
import type { ObjectChange } from '../stores/store.ts';
import { announceUpdate, eventHead } from './announce-update.ts';
import type { VolumeEvents } from './events/volume-events.ts';
import { Following } from './following.ts';
import type { LiveVolume, Provenance, VolumeRegistry } from './live-volume.ts';
import { lookAtVolume, noteHealth } from './look-at-volume.ts';
import { type Projection, projectVolume } from './project-volume.ts';
import type { RefreshResult } from './projector.ts';
import type { Stages } from './stages.ts';
import { TokenRotation } from './volume-tokens.ts';

/** How many refreshes may wait for the source at once. */
const CONCURRENCY = 16;
const RETRY: Backoff = { firstMs: 1_000, mostMs: 60_000, jitter: 0.2 };

/** What asks for a refresh. */
type Wish = {
  /** The monotonic moment at which the oldest unseen change was observed, where there was one; milliseconds. */
  readonly since: number | undefined;
  /** Whether it was anything but such a change: then what is on disk is looked at as well. */
  readonly isLook: boolean;
};

type Refreshed = Omit<RefreshResult, 'volumeId'>;

/**
 * Keeps volumes fresh: object event → the volumes that depend on it → coalesce → resolve, render, write again. Many
 * events for one volume while it waits become one write. A refresh that fails leaves the last good contents in place,
 * says so once, and is tried again with back-off.
 */
export class Refresher implements AsyncDisposable {
  readonly #stages: Stages;
  /** The same, for refreshes that nobody asked for. */
  readonly #background: Stages;
  readonly #registry: VolumeRegistry;
  readonly #events: VolumeEvents;
  readonly #stop = new AbortController();
  readonly #waiting = new Map<string, Wish>();
  readonly #claimed = new Set<string>();
  readonly #followings = new Map<string, Following>();
  readonly #retries = new Map<string, { timer: Disposable; waits: Generator<number, never> }>();
  readonly #running = new Set<Promise<void>>();
  readonly #rotation: TokenRotation;

  constructor(stages: Stages, registry: VolumeRegistry, events: VolumeEvents) {
    const { clock } = stages;
    this.#stages = stages;
    this.#background = { ...stages, source: stages.background };
    this.#registry = registry;
    this.#events = events;
    this.#rotation = new TokenRotation(clock, (key) => this.request(key));
  }

  /** Follows exactly these objects for the volume; a change of one refreshes it. */
  follow(key: string, refs: readonly ObjectRef[]): void {
    // A request under way when the daemon stops must not start to follow again.
    if (this.#stop.signal.aborted) return;
    let following = this.#followings.get(key);
    if (following === undefined) {
      following = new Following(this.#stages.background, (change) => this.#onChange(key, change));
      this.#followings.set(key, following);
    }
    following.follow(refs);
  }

  /** Stops following and retrying for the volume. */
  forget(key: string): void {
    this.#followings.get(key)?.[Symbol.dispose]();
    this.#followings.delete(key);
    this.#waiting.delete(key);
    this.#rotation.forget(key);
    this.#settle(key);
  }

  /** The volume was taken over with its tokens: they are due when they are, whether or not the source has synced. */
  resume(volume: LiveVolume): void {
    this.#planTokens(volume, false);
  }

  /**
   * The volume's contents are those of this projection: what they come from is followed, tokens are renewed in time, and
   * a pending retry is not needed any more.
   */
  adopt(volume: LiveVolume, { provenance, issued, problem }: Projection): void {
    const key = volume.hosted.directoryName;
    volume.provenance = provenance;
    volume.tokens = issued.tokens;
    this.#note(volume, problem, 'a volume shows a token that has expired');
    this.#settle(key);
    this.follow(key, volume.refs);
    const isNews = this.#planTokens(volume, issued.failure !== undefined);
    if (issued.failure === undefined) return;
    const { message } = issued.failure;
    this.#stages.log.debug({ volume: volume.name, problem: message }, 'a token could not be renewed');
    if (isNews) this.#emit(volume, { type: 'warning', reason: 'TokenRefreshFailed', message });
  }

  /**
   * Refreshes the volume as soon as its turn comes. `since` is the monotonic moment of the change that asks for it, in
   * milliseconds; undefined when none was seen.
   */
  request(key: string, since?: number): void {
    // A claimed volume waits for its lock: its refresh has read nothing yet and will see this change.
    if (this.#stop.signal.aborted || this.#claimed.has(key)) return;
    const waiting = this.#waiting.get(key);
    const isLook = since === undefined || waiting?.isLook === true;
    this.#waiting.set(key, { since: waiting?.since ?? since, isLook });
    if (waiting !== undefined) return;
    if (this.#running.size < CONCURRENCY) this.#startWorker();
  }

  /** Refreshes the volume under its lock, from the newest objects. Undefined when there is no such volume any more. */
  async refreshNow(key: string, signal: AbortSignal): Promise<Refreshed | undefined> {
    await this.#stages.slices.next();
    return await this.#registry.exclusively(key, signal, () =>
      this.#refresh(key, { since: undefined, isLook: true }, this.#stages, signal),
    );
  }

  /** Resolves when nothing waits for a refresh and none is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#rotation[Symbol.dispose]();
    for (const key of [...this.#followings.keys(), ...this.#retries.keys()]) this.forget(key);
    await this.idle();
  }

  #onChange(key: string, change: ObjectChange): void {
    this.request(key, change.observedAt);
  }

  #settle(key: string): void {
    this.#retries.get(key)?.timer[Symbol.dispose]();
    this.#retries.delete(key);
  }

  #startWorker(): void {
    const worker = this.#work().finally(() => {
      this.#running.delete(worker);
      // Asked for after the worker looked for the last time, but while it still counted as running.
      if (this.#waiting.size > 0 && !this.#stop.signal.aborted) this.#startWorker();
    });
    this.#running.add(worker);
  }

  async #work(): Promise<void> {
    for (;;) {
      // Also before the first: the store dispatches synchronously, and events of one moment coalesce into one write.
      await this.#stages.slices.next();
      const next = this.#waiting.entries().next();
      if (next.done || this.#stop.signal.aborted) return;
      const [key, wish] = next.value;
      this.#waiting.delete(key);
      this.#claimed.add(key);
      const refreshed = this.#registry.exclusively(key, this.#stop.signal, () => {
        this.#claimed.delete(key);
        return this.#refresh(key, wish, this.#background, this.#stop.signal);
      });
      // Only an abort gets here: a failed refresh is reported where it happens.
      await refreshed.catch(() => this.#claimed.delete(key));
    }
  }

  /** Throws only when the signal aborts. */
  async #refresh(
    key: string,
    { since, isLook }: Wish,
    stages: Stages,
    signal: AbortSignal,
  ): Promise<Refreshed | undefined> {
    const volume = this.#registry.get(key);
    // Without a publication it only waits for another unpublish, since its files could not be removed.
    if (volume === undefined || volume.publications.size === 0) return undefined;
    if (volume.wanted === undefined) return { isChanged: false, error: volume.lastError };
    try {
      if (isLook) await lookAtVolume(volume, stages, this.#events);
      const target = {
        write: volume.hosted.write.bind(volume.hosted),
        follow: (refs: readonly ObjectRef[]) => this.follow(key, [...volume.refs, ...refs]),
        provenance: volume.provenance,
        tokens: volume.tokens,
      };
      const projection = await projectVolume(volume.wanted, target, stages, signal);
      const { changed } = projection.outcome;
      if (changed) {
        const { clock } = stages;
        const time = clock.now();
        const how =
          since === undefined
            ? { time, cause: 'refresh' as const, propagationMs: undefined }
            : { time, cause: 'object' as const, propagationMs: clock.monotonic() - since };
        announceUpdate(volume, projection, how, this.#events);
      }
      keepRecord(volume, projection);
      this.adopt(volume, projection);
      return { isChanged: changed, error: volume.lastError };
    } catch (error) {
      signal.throwIfAborted();
      const failure = toLanternError(error, `refresh volume "${volume.name}"`);
      this.#onFailure(key, volume, failure);
      return { isChanged: false, error: failure.message };
    }
  }

  #onFailure(key: string, volume: LiveVolume, error: LanternError): void {
    this.#note(volume, error, 'a volume keeps its last good contents');
    const retry = this.#retries.get(key);
    retry?.timer[Symbol.dispose]();
    const waits = retry?.waits ?? delays(RETRY);
    const timer = this.#stages.clock.after(waits.next().value, () => this.request(key));
    this.#retries.set(key, { timer, waits });
  }

  /** Says once why a volume is not well; undefined: it is. */
  #note(volume: LiveVolume, error: LanternError | undefined, said: string): void {
    const isNews = volume.lastError !== error?.message;
    noteHealth(volume, this.#stages, this.#events, () => {
      volume.lastError = error?.message;
    });
    if (error === undefined || !isNews) return;
    this.#stages.log.warn({ volume: volume.name, error }, said);
    this.#emit(volume, { type: 'failed', reason: 'FailedUpdate', message: error.message });
  }

  /** Whether renewing begins to fail. */
  #planTokens(volume: LiveVolume, isFailing: boolean): boolean {
    const shown = { issued: volume.tokens, brought: volume.wanted?.inputs.tokens ?? new Map() };
    return this.#rotation.plan(volume.hosted.directoryName, shown, isFailing);
  }

  #emit(
    volume: LiveVolume,
    what: { readonly type: 'failed' | 'warning'; readonly reason: string; readonly message: string },
  ): void {
    this.#events.emit({ ...eventHead(volume, this.#stages.clock.now()), ...what });
  }
}

/** Writes down what a restart should know of a refresh. What could not be written is tried again at the next one. */
function keepRecord(volume: LiveVolume, { provenance, issued: { tokens } }: Projection): void {
  const isKnown = isSameHistory(volume.provenance, provenance) && isSameTokens(volume.tokens, tokens);
  volume.provenance = provenance;
  volume.tokens = tokens;
  if (!isKnown || !volume.isSaved) volume.save();
}

/** Whether a restart would decide the same from either: same store, same objects there and absent. */
function isSameHistory(a: Provenance, b: Provenance): boolean {
  if (a.storeId !== b.storeId || a.objects.size !== b.objects.size) return false;
  return [...a.objects].every(
    ([key, revision]) => (b.objects.get(key) === null) === (revision === null) && b.objects.has(key),
  );
}

function isSameTokens(a: LiveVolume['tokens'], b: LiveVolume['tokens']): boolean {
  return a.size === b.size && [...a].every(([audience, { token }]) => b.get(audience)?.token === token);
}

import { type LanternError, toLanternError } from '../base/errors.ts';
import { type Backoff, delays } from '../base/retry.ts';
import type { ObjectRef } from '../objects/object.ts';
import type { ObjectChange } from '../sources/source.ts';
import { Following } from './following.ts';
import type { LiveVolume, Provenance } from './live-volume.ts';
import { projectVolume } from './project-volume.ts';
import type { VolumeRegistry } from './registry.ts';
import type { Stages } from './stages.ts';
import type { EventHead, VolumeEvents } from './volume-events.ts';

/** How many refreshes may wait for the source at once. */
const CONCURRENCY = 16;
/** A fan-out lets the event loop serve others after this long, in milliseconds. */
const SLICE_MS = 5;
const RETRY: Backoff = { firstMs: 1_000, mostMs: 60_000, jitter: 0.2 };

/**
 * Keeps volumes fresh: object event → the volumes that depend on it → coalesce → resolve, render, write again. Many
 * events for one volume while it waits become one write. A refresh that fails leaves the last good contents in place,
 * says so once, and is tried again with back-off.
 */
export class Refresher implements AsyncDisposable {
  readonly #stages: Stages;
  readonly #registry: VolumeRegistry;
  readonly #events: VolumeEvents;
  readonly #stop = new AbortController();
  /** Volumes that wait for a refresh, with the moment the oldest unseen change was observed. */
  readonly #waiting = new Map<string, number>();
  readonly #claimed = new Set<string>();
  readonly #followings = new Map<string, Following>();
  readonly #retries = new Map<string, { timer: Disposable; waits: Generator<number, never> }>();
  readonly #running = new Set<Promise<void>>();
  #sliceEnd = 0;
  #turn: Promise<void> | undefined;

  constructor(stages: Stages, registry: VolumeRegistry, events: VolumeEvents) {
    this.#stages = stages;
    this.#registry = registry;
    this.#events = events;
  }

  /** Follows exactly these objects for the volume; a change of one refreshes it. */
  follow(key: string, refs: readonly ObjectRef[]): void {
    // A request under way when the daemon stops must not start to follow again.
    if (this.#stop.signal.aborted) return;
    let following = this.#followings.get(key);
    if (following === undefined) {
      following = new Following(this.#stages.source, (change) => this.#onChange(key, change));
      this.#followings.set(key, following);
    }
    following.follow(refs);
  }

  /** Stops following and retrying for the volume. */
  forget(key: string): void {
    this.#followings.get(key)?.[Symbol.dispose]();
    this.#followings.delete(key);
    this.#waiting.delete(key);
    this.settle(key);
  }

  /** The volume's contents are good: a pending retry is not needed any more. */
  settle(key: string): void {
    this.#retries.get(key)?.timer[Symbol.dispose]();
    this.#retries.delete(key);
  }

  /** Refreshes the volume as soon as its turn comes. `since` is the monotonic moment of the change, in milliseconds. */
  request(key: string, since: number): void {
    // A claimed volume waits for its lock: its refresh has read nothing yet and will see this change.
    if (this.#stop.signal.aborted || this.#waiting.has(key) || this.#claimed.has(key)) return;
    this.#waiting.set(key, since);
    if (this.#running.size < CONCURRENCY) this.#startWorker();
  }

  /** Resolves when nothing waits for a refresh and none is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const key of [...this.#followings.keys(), ...this.#retries.keys()]) this.forget(key);
    await this.idle();
  }

  #onChange(key: string, change: ObjectChange): void {
    this.request(key, change.observedAt);
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
      while (this.#stages.clock.monotonic() >= this.#sliceEnd) await this.#nextSlice();
      const next = this.#waiting.entries().next();
      if (next.done || this.#stop.signal.aborted) return;
      const [key, since] = next.value;
      this.#waiting.delete(key);
      this.#claimed.add(key);
      const refreshed = this.#registry.exclusively(key, this.#stop.signal, () => {
        this.#claimed.delete(key);
        return this.#refresh(key, since);
      });
      // Only an abort gets here: a failed refresh is reported where it happens.
      await refreshed.catch(() => this.#claimed.delete(key));
    }
  }

  /** All workers share one slice, and one turn of the event loop between slices. */
  #nextSlice(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        this.#sliceEnd = this.#stages.clock.monotonic() + SLICE_MS;
        resolve();
      });
    });
    return this.#turn;
  }

  async #refresh(key: string, since: number): Promise<void> {
    const volume = this.#registry.get(key);
    const wanted = volume?.wanted;
    if (volume === undefined || wanted === undefined) return;
    try {
      const projection = await projectVolume(
        wanted,
        {
          write: (payload) => volume.hosted.write(payload),
          follow: (refs) => this.follow(key, [...volume.refs, ...refs]),
          provenance: volume.provenance,
        },
        this.#stages,
        this.#stop.signal,
      );
      if (projection.outcome.changed) {
        const moment = { time: this.#stages.clock.now(), propagationMs: this.#stages.clock.monotonic() - since };
        announceUpdate(volume, projection, moment, this.#events);
      }
      keepProvenance(volume, projection.provenance);
      this.follow(key, volume.refs);
      volume.lastError = undefined;
      this.settle(key);
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#onFailure(key, volume, toLanternError(error, `refresh volume "${volume.name}"`));
    }
  }

  #onFailure(key: string, volume: LiveVolume, error: LanternError): void {
    const isNews = volume.lastError !== error.message;
    volume.lastError = error.message;
    if (isNews) {
      this.#stages.log.warn({ volume: volume.name, error }, 'a volume keeps its last good contents');
      this.#events.emit({
        ...eventHead(volume, this.#stages.clock.now()),
        type: 'failed',
        reason: 'FailedUpdate',
        message: error.message,
      });
    }
    const retry = this.#retries.get(key);
    retry?.timer[Symbol.dispose]();
    const waits = retry?.waits ?? delays(RETRY);
    const { clock } = this.#stages;
    const timer = clock.after(waits.next().value, () => this.request(key, clock.monotonic()));
    this.#retries.set(key, { timer, waits });
  }
}

/** The common part of an event about this volume. */
export function eventHead(volume: LiveVolume, time: number): EventHead {
  return { volumeId: volume.name, namespace: volume.namespace, pod: volume.wanted?.pod, time };
}

/** Says what an update changed, what it warned of, and which subPath publications did not get it. */
export function announceUpdate(
  volume: LiveVolume,
  projection: Awaited<ReturnType<typeof projectVolume>>,
  moment: { readonly time: number; readonly propagationMs: number | undefined },
  events: VolumeEvents,
): void {
  const head = eventHead(volume, moment.time);
  const { outcome } = projection;
  events.emit({
    ...head,
    type: 'updated',
    oldGeneration: outcome.previous,
    newGeneration: outcome.generation,
    changedPaths: outcome.changedPaths,
    propagationMs: moment.propagationMs,
  });
  for (const notice of projection.notices) events.emit({ ...head, type: 'warning', ...notice });
  for (const { target, subPath } of volume.pinned) {
    const message = `"${subPath}" at "${target}" is a subPath publication and keeps what it was mounted with`;
    events.emit({ ...head, type: 'update-skipped', target, message });
  }
}

/** A record that could not be written is not taken as written: the next refresh tries again. */
function keepProvenance(volume: LiveVolume, now: Provenance): void {
  const before = volume.provenance;
  volume.provenance = now;
  if (isSameHistory(before, now)) return;
  try {
    volume.save();
  } catch (error) {
    volume.provenance = before;
    throw error;
  }
}

/** Whether a restart would decide the same from either: same store, same objects there and absent. */
function isSameHistory(a: Provenance, b: Provenance): boolean {
  if (a.storeId !== b.storeId || a.objects.size !== b.objects.size) return false;
  return [...a.objects].every(
    ([key, revision]) => (b.objects.get(key) === null) === (revision === null) && b.objects.has(key),
  );
}

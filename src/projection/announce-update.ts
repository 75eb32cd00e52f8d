import type { Clock } from '../base/clock.ts';
import { type EventDraft, type EventRecorder, type InvolvedObject, involvedPod } from '../objects/event.ts';
import type { Staleness } from '../stores/store.ts';
import type { EventHead, UpdateCause, VolumeEvent, VolumeEvents } from './events/volume-events.ts';
import type { LiveVolume } from './live-volume.ts';
import type { Projection } from './project-volume.ts';
import { staleSince } from './status.ts';

/** The common part of an event about this volume. */
export function eventHead(volume: LiveVolume, time: number): EventHead {
  return { volumeId: volume.name, namespace: volume.namespace, pod: volume.wanted?.pod, time };
}

/** Says what an update changed, what it warned of, and which subPath publications did not get it. */
export function announceUpdate(
  volume: LiveVolume,
  projection: Projection,
  how: { readonly time: number; readonly cause: UpdateCause; readonly propagationMs: number | undefined },
  events: VolumeEvents,
): void {
  const head = eventHead(volume, how.time);
  const { outcome } = projection;
  events.emit({
    ...head,
    type: 'updated',
    oldGeneration: outcome.previous,
    newGeneration: outcome.generation,
    changedPaths: outcome.changedPaths,
    cause: how.cause,
    propagationMs: how.propagationMs,
  });
  for (const notice of projection.notices) events.emit({ ...head, type: 'warning', ...notice });
  for (const { target, subPath } of volume.pinned) {
    const message = `"${subPath}" at "${target}" is a subPath publication and keeps what it was mounted with`;
    events.emit({ ...head, type: 'update-skipped', target, message });
  }
}

/** An election of etcd's, or a member that goes, is over sooner, and not worth an event for every volume. */
const PATIENCE_MS = 5_000;

type Parts = {
  readonly staleness: Staleness;
  readonly clock: Clock;
  readonly volumes: () => readonly LiveVolume[];
  readonly events: VolumeEvents;
};

/** Says of every volume with objects in it, once for each time, that they cannot be kept fresh at the moment, and when they can again. */
export class StalenessAnnouncer implements Disposable {
  readonly #parts: Parts;
  readonly #heard: Disposable;
  #timer: Disposable | undefined;
  /** Those it was said of, with since when. */
  #announced: ReadonlyMap<LiveVolume, number> = new Map();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#heard = parts.staleness.onTouch(() => this.#onTouch());
  }

  [Symbol.dispose](): void {
    this.#heard[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
  }

  #onTouch(): void {
    this.#timer?.[Symbol.dispose]();
    const { clock, staleness } = this.#parts;
    if (staleness.staleSince === undefined) this.#announceEnd();
    else this.#timer = clock.after(PATIENCE_MS, () => this.#announce());
  }

  #announce(): void {
    const { clock, staleness, volumes, events } = this.#parts;
    const announced = new Map<LiveVolume, number>();
    for (const volume of volumes()) {
      const since = staleSince(volume, staleness);
      if (since === undefined) continue;
      const message = `the contents stay as they are since ${new Date(since).toISOString()}: ${staleness.problem ?? 'the store is out of touch'}`;
      events.emit({ ...eventHead(volume, clock.now()), type: 'warning', reason: 'SourceStale', message });
      announced.set(volume, since);
    }
    this.#announced = announced;
  }

  #announceEnd(): void {
    const { clock, volumes, events } = this.#parts;
    const announced = this.#announced;
    this.#announced = new Map();
    if (announced.size === 0) return;
    for (const volume of volumes()) {
      const since = announced.get(volume);
      if (since === undefined) continue;
      const message = `its objects are followed again; the store was out of touch since ${new Date(since).toISOString()}`;
      events.emit({ ...eventHead(volume, clock.now()), type: 'recovered', message });
    }
  }
}

/** How many changed paths are named. */
const NAMED_PATHS = 5;

/** Records what of a volume's events a user should be able to look up later, about its pod where it has one. */
export function recordVolumeEvent(event: VolumeEvent, recorder: EventRecorder): void {
  const { type, reason, what } = describe(event);
  const message = `volume "${event.volumeId}": ${what}`;
  recorder.record({ involved: involvedOf(event), type, reason, message });
}

function involvedOf({ volumeId, namespace, pod }: EventHead): InvolvedObject {
  return involvedPod(namespace, pod) ?? { kind: 'Volume', namespace, name: volumeId, uid: '', fieldPath: '' };
}

function describe(event: VolumeEvent): Omit<EventDraft, 'involved' | 'message'> & { readonly what: string } {
  switch (event.type) {
    case 'mounted':
      return { type: 'Normal', reason: 'SuccessfulMount', what: `mounted at "${event.target}"` };
    case 'unmounted':
      return { type: 'Normal', reason: 'Unmounted', what: `unmounted from "${event.target}"` };
    case 'updated':
      // Without the time it took, which is another each time: the same files changed again count on.
      return { type: 'Normal', reason: 'Updated', what: `updated${listPaths(event.changedPaths)}` };
    case 'recovered':
      return { type: 'Normal', reason: 'Recovered', what: event.message };
    case 'update-skipped':
      // A warning, since somebody has to act: the workload reads old values until it is mounted anew.
      return { type: 'Warning', reason: 'UpdateSkipped', what: event.message };
    case 'failed':
    case 'warning':
      return { type: 'Warning', reason: event.reason, what: event.message };
  }
}

function listPaths(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  const named = paths.slice(0, NAMED_PATHS).map((path) => `"${path}"`);
  const more = paths.length > NAMED_PATHS ? ` and ${paths.length - NAMED_PATHS} more` : '';
  return `: ${named.join(', ')}${more}`;
}

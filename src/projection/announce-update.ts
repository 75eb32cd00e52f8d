import type { LiveVolume } from './live-volume.ts';
import type { Projection } from './project-volume.ts';
import type { EventHead, UpdateCause, VolumeEvents } from './volume-events.ts';

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

import { type EventDraft, type EventRecorder, type InvolvedObject, involvedPod } from '../objects/event.ts';
import type { EventHead, VolumeEvent } from './volume-events.ts';

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

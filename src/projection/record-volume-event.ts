import type { EventRecorder } from '../objects/event.ts';
import type { VolumeEvent } from './volume-events.ts';

/** Records what of a volume's events a user should be able to look up later, about its pod where it has one. */
export function recordVolumeEvent(_event: VolumeEvent, _recorder: EventRecorder): void {}

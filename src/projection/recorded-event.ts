import type { EventDraft } from '../objects/event.ts';
import type { VolumeEvent } from './volume-events.ts';

/** What of a volume's events is kept for later, about its pod where it has one; undefined for what is not. */
export function recordedEventOf(_event: VolumeEvent): EventDraft | undefined {
  return undefined;
}

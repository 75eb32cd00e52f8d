import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { INVOLVED_KINDS } from '../objects/event.ts';
import type { RecordedEvent } from '../projection/event-log.ts';
import type { Event as WireEvent } from './generated/lantern/v1/Event.ts';

const TYPES = { Normal: 'NORMAL', Warning: 'WARNING' } as const;

/** `host` is the node that the event is from. */
export function eventToWire(event: RecordedEvent, host: string): WireEvent {
  const { id, involved, type, reason, message, count, firstTime, lastTime } = event;
  return {
    id,
    involvedObject: involved,
    type: TYPES[type],
    reason,
    message,
    count,
    firstTimestamp: new Date(firstTime).toISOString(),
    lastTimestamp: new Date(lastTime).toISOString(),
    host,
  };
}

/** About how many bytes the message takes at most, for cutting pages. */
export function sizeOfEvent({ id, involved, reason, message }: RecordedEvent): number {
  const { namespace, name, uid, fieldPath } = involved;
  const texts = [id, namespace, name, uid, fieldPath, reason, message];
  return 512 + texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** The kind of an involved object; undefined, which means all of them, where it is empty. */
export function parseInvolvedKind(text: string, field: string): Parsed<string | undefined> {
  if (text === '' || INVOLVED_KINDS.some((kind) => kind === text)) return parsed(text === '' ? undefined : text);
  return faulty([{ field, message: `must be one of ${INVOLVED_KINDS.join(', ')}` }]);
}

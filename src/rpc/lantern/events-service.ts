import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { INVOLVED_KINDS } from '../../objects/event.ts';
import type { EventFilter, EventLog, RecordedEvent } from '../../projection/events/event-log.ts';
import type { Event as WireEvent } from '../generated/lantern/v1/Event.ts';
import type { WatchEventsRequest__Output as FilterFields } from '../generated/lantern/v1/WatchEventsRequest.ts';
import { checkPage, pageOf } from '../pages.ts';
import { Reading, readNamespace } from '../reading.ts';
import type { EventsMethods } from '../services.ts';

/** `host` is the name of this node. */
export function eventsService(log: EventLog, host: string): EventsMethods {
  return {
    list(request) {
      const reading = new Reading();
      const filter = readFilter(reading, request);
      reading.take(checkPage(request));
      if (!reading.isGood) throw reading.error();
      const { items, nextPageToken } = pageOf(
        log.list(filter),
        ({ revision }) => String(revision).padStart(REVISION_DIGITS, '0'),
        sizeOfEvent,
        request,
      );
      return { events: items.map((event) => eventToWire(event, host)), nextPageToken };
    },

    async *watch(request, signal) {
      const reading = new Reading();
      const filter = readFilter(reading, request);
      if (!reading.isGood) throw reading.error();
      for await (const event of log.watch(filter, request.includeExisting, signal)) yield eventToWire(event, host);
    },
  };
}

/** Fits every safe integer, so that byte order is numeric order. */
const REVISION_DIGITS = String(Number.MAX_SAFE_INTEGER).length;

function readFilter(
  reading: Reading,
  { namespace, involvedKind, involvedName }: Pick<FilterFields, 'namespace' | 'involvedKind' | 'involvedName'>,
): EventFilter {
  return {
    namespace: readNamespace(reading, namespace),
    kind: reading.take(parseInvolvedKind(involvedKind, 'involved_kind')),
    name: involvedName === '' ? undefined : involvedName,
  };
}

const TYPES = { Normal: 'NORMAL', Warning: 'WARNING' } as const;

function eventToWire(event: RecordedEvent, host: string): WireEvent {
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

/** An upper bound for the encoded size in bytes, for cutting pages. */
function sizeOfEvent({ id, involved, reason, message }: RecordedEvent): number {
  const { namespace, name, uid, fieldPath } = involved;
  const texts = [id, namespace, name, uid, fieldPath, reason, message];
  return 512 + texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** Empty text means all kinds: undefined. */
function parseInvolvedKind(text: string, field: string): Parsed<string | undefined> {
  if (text === '' || INVOLVED_KINDS.some((kind) => kind === text)) return parsed(text === '' ? undefined : text);
  return faulty([{ field, message: `must be one of ${INVOLVED_KINDS.join(', ')}` }]);
}

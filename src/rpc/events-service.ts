import { parseNamespace } from '../objects/names.ts';
import type { EventFilter, EventLog } from '../projection/event-log.ts';
import { eventToWire, parseInvolvedKind, sizeOfEvent } from './event-messages.ts';
import type { WatchEventsRequest__Output as FilterFields } from './generated/lantern/v1/WatchEventsRequest.ts';
import { checkPage, pageOf } from './pages.ts';
import { Reading } from './reading.ts';
import type { EventsMethods } from './services.ts';

/** lantern.v1.Events. `host` is the node that the events are from. */
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

/** Enough for every safe integer, so that byte order is the order of numbers. */
const REVISION_DIGITS = String(Number.MAX_SAFE_INTEGER).length;

function readFilter(
  reading: Reading,
  { namespace, involvedKind, involvedName }: Pick<FilterFields, 'namespace' | 'involvedKind' | 'involvedName'>,
): EventFilter {
  return {
    namespace: namespace === '' ? undefined : reading.take(parseNamespace(namespace, 'namespace')),
    kind: reading.take(parseInvolvedKind(involvedKind, 'involved_kind')),
    name: involvedName === '' ? undefined : involvedName,
  };
}

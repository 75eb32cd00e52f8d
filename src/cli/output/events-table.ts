import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import { ageSince, formatTable } from './table.ts';
import { printable } from './text.ts';

type EventColumns = { readonly wide: boolean; readonly withNamespace: boolean };

/** Blanks between the columns of a description, as in kubectl. */
const DESCRIPTION_GAP = 2;
const INDENT = '  ';

type Column = { readonly heading: string; readonly cell: (event: WireEvent, now: number) => string };

const NAMESPACE: Column = { heading: 'NAMESPACE', cell: (event) => event.involvedObject?.namespace ?? '' };
const MESSAGE: Column = { heading: 'MESSAGE', cell: ({ message }) => message };

/** The API server's columns. */
const BEFORE_MESSAGE: readonly Column[] = [
  { heading: 'LAST SEEN', cell: (event, now) => ageSince(event.lastTimestamp, now) },
  { heading: 'TYPE', cell: eventType },
  { heading: 'REASON', cell: ({ reason }) => reason },
  { heading: 'OBJECT', cell: ({ involvedObject: of }) => `${(of?.kind ?? '').toLowerCase()}/${of?.name ?? ''}` },
];
const WIDE_BEFORE_MESSAGE: readonly Column[] = [
  { heading: 'SUBOBJECT', cell: (event) => event.involvedObject?.fieldPath ?? '' },
  { heading: 'SOURCE', cell: sourceOf },
];
const WIDE_AFTER_MESSAGE: readonly Column[] = [
  { heading: 'FIRST SEEN', cell: (event, now) => ageSince(event.firstTimestamp, now) },
  { heading: 'COUNT', cell: ({ count }) => String(count) },
  { heading: 'NAME', cell: ({ id }) => id },
];

export function eventHeadings(columns: EventColumns): string[] {
  return columnsFor(columns).map(({ heading }) => heading);
}

/** `now`: milliseconds since 1970, for ages. */
export function eventRows(events: readonly WireEvent[], columns: EventColumns, now: number): string[][] {
  const shown = columnsFor(columns);
  return events.map((event) => shown.map(({ cell }) => printable(cell(event, now))));
}

function columnsFor({ wide, withNamespace }: EventColumns): Column[] {
  return [
    ...(withNamespace ? [NAMESPACE] : []),
    ...BEFORE_MESSAGE,
    ...(wide ? WIDE_BEFORE_MESSAGE : []),
    MESSAGE,
    ...(wide ? WIDE_AFTER_MESSAGE : []),
  ];
}

/** As in `kubectl describe`. No final newline. */
export function describeEvents(events: readonly WireEvent[], now: number): string {
  if (events.length === 0) return 'Events:  <none>';
  const headings = ['Type', 'Reason', 'Age', 'From', 'Message'];
  const rows = events.map((event) => [
    eventType(event),
    printable(event.reason),
    ageOf(event, now),
    printable(sourceOf(event)),
    printable(event.message),
  ]);
  const underlines = headings.map((heading) => '-'.repeat(heading.length));
  const table = formatTable(headings, [underlines, ...rows], DESCRIPTION_GAP);
  return ['Events:', ...table.split('\n').map((line) => INDENT + line)].join('\n');
}

function ageOf({ count, firstTimestamp, lastTimestamp }: WireEvent, now: number): string {
  if (count <= 1) return ageSince(firstTimestamp, now);
  return `${ageSince(lastTimestamp, now)} (x${count} over ${ageSince(firstTimestamp, now)})`;
}

export function eventType({ type }: WireEvent): 'Normal' | 'Warning' {
  return type === 'WARNING' ? 'Warning' : 'Normal';
}

/** `source.component` of an event. Its `source.host` is the daemon's node. */
const EVENT_COMPONENT = 'lantern';

function sourceOf({ host }: WireEvent): string {
  return `${EVENT_COMPONENT}, ${host}`;
}

export function eventManifest(event: WireEvent): Record<string, unknown> {
  const { id, involvedObject, reason, message, count, firstTimestamp, lastTimestamp, host } = event;
  const { kind = '', namespace = '', name = '', uid = '', fieldPath = '' } = involvedObject ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: id, namespace },
    involvedObject: { kind, namespace, name, ...(uid !== '' && { uid }), ...(fieldPath !== '' && { fieldPath }) },
    type: eventType(event),
    reason,
    message,
    count,
    firstTimestamp,
    lastTimestamp,
    source: { component: EVENT_COMPONENT, host },
  };
}

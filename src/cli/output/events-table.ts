import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import { cutMiddle, type Fit, type FittedColumn } from './fit.ts';
import { ageSince, formatTable } from './table.ts';
import { printable } from './text.ts';

/** `width`: of the terminal; undefined if nothing has to fit. The wide table is in full. */
type EventColumns = { readonly wide: boolean; readonly withNamespace: boolean; readonly width: number | undefined };

/** Blanks between the columns of a description, as in kubectl. */
const DESCRIPTION_GAP = 2;
const INDENT = '  ';
const VOLUME_WIDTH = 18;
const DESCRIPTION_COLUMNS: Fit['columns'] = [
  undefined,
  { how: 'cut', floor: 16 },
  { how: 'wrap', floor: 12 },
  { how: 'cut', floor: 12 },
  { how: 'wrap', floor: 28 },
];

type Column = {
  readonly heading: string;
  readonly cell: (event: WireEvent, now: number) => string;
  /** On a terminal. */
  readonly fitted?: FittedColumn;
};

const NAMESPACE: Column = {
  heading: 'NAMESPACE',
  cell: (event) => event.involvedObject?.namespace ?? '',
  fitted: { how: 'cut', floor: 9 },
};
const MESSAGE: Column = {
  heading: 'MESSAGE',
  cell: ({ message }) => message,
  fitted: { how: 'wrap', floor: 28 },
};

/** The API server's columns. */
const BEFORE_MESSAGE: readonly Column[] = [
  { heading: 'LAST SEEN', cell: (event, now) => ageSince(event.lastTimestamp, now) },
  { heading: 'TYPE', cell: eventType },
  { heading: 'REASON', cell: ({ reason }) => reason, fitted: { how: 'cut', floor: 16 } },
  {
    heading: 'OBJECT',
    cell: ({ involvedObject: of }) => `${(of?.kind ?? '').toLowerCase()}/${of?.name ?? ''}`,
    fitted: { how: 'cut', floor: 18 },
  },
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

export function eventFit(columns: EventColumns): Fit | undefined {
  const { width } = columns;
  if (width === undefined || columns.wide) return undefined;
  return { width, columns: columnsFor(columns).map(({ fitted }) => fitted) };
}

/** `now`: milliseconds since 1970, for ages. */
export function eventRows(events: readonly WireEvent[], columns: EventColumns, now: number): string[][] {
  const shown = columnsFor(columns);
  const shorten = eventFit(columns) === undefined ? (text: string) => text : shortenVolume;
  return events.map((event) => shown.map(({ cell }) => shorten(printable(cell(event, now)))));
}

/** An event of a pod names its volume, whose id may take the whole column. */
function shortenVolume(message: string): string {
  const [start = '', id = ''] = /^(?:\([^)]*\): )?volume "(?=([^"]*)": )/.exec(message) ?? [];
  return start === '' ? message : start + cutMiddle(id, VOLUME_WIDTH) + message.slice(start.length + id.length);
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

/** As in `kubectl describe`. `width`: of the terminal; undefined if nothing has to fit. No final newline. */
export function describeEvents(events: readonly WireEvent[], now: number, width?: number): string {
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
  const fit = width === undefined ? undefined : { width: width - INDENT.length, columns: DESCRIPTION_COLUMNS };
  const table = formatTable(headings, [underlines, ...rows], DESCRIPTION_GAP, fit);
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
    metadata: { name: id, namespace, creationTimestamp: firstTimestamp },
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

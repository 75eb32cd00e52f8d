import type { LanternClient } from '../../rpc/client.ts';
import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import type { Cli } from '../command.ts';
import { customColumnsPrinter } from '../output/custom-columns.ts';
import { eventFit, eventHeadings, eventManifest, eventRows } from '../output/events-table.ts';
import type { JsonPath } from '../output/json-path.ts';
import { formatTable, GrowingTable } from '../output/table.ts';
import { printable } from '../output/text.ts';
import { acrossRestarts, allPages, sayAway } from '../with-daemon.ts';
import { isManifestFormat, listOf, showManifest, showNextManifest } from './manifest-text.ts';
import { isCustomColumns, type ObjectFormat } from './object-format.ts';

/** An empty field matches everything. */
export type EventQuery = {
  readonly namespace: string;
  readonly involvedKind: string;
  readonly involvedName: string;
};

export type EventView = {
  readonly query: EventQuery;
  readonly isSelected: (event: WireEvent) => boolean;
  /** Undefined: by time. */
  readonly sortBy?: JsonPath | undefined;
  readonly watch: boolean;
  readonly output: ObjectFormat;
  /** Undefined: true. */
  readonly withHeadings?: boolean;
};

/** With `watch` it also prints new events, until a signal. */
export async function showEvents(cli: Cli, daemon: LanternClient, view: EventView): Promise<void> {
  const { isSelected, sortBy } = view;
  const listed = (await fetchEvents(daemon, view.query, cli.signal)).filter(isSelected);
  const present = sortBy === undefined ? listed : await sorted(listed, sortBy);
  if (!view.watch) return await showAll(cli, view, present);
  const show = printerFor(cli, view);
  if (present.length > 0) await show(present);
  try {
    const { signal } = cli;
    const open = () => eventsAfter(present, daemon, view.query, signal);
    const look = async () => await daemon.events.list({ ...view.query, pageSize: 1 }, { signal });
    for await (const event of acrossRestarts(open, { look, signal, onAway: () => sayAway(cli) })) {
      if (isSelected(event)) await show([event]);
    }
  } catch (error) {
    if (!cli.signal.aborted) throw error;
  }
}

async function sorted(events: readonly WireEvent[], path: JsonPath): Promise<readonly WireEvent[]> {
  const { sortedBy } = await import('../output/sort-by.ts');
  return sortedBy(path, events, events.map(eventManifest));
}

/** Fetches each event once, the latest last. */
export async function fetchEvents(
  daemon: LanternClient,
  query: EventQuery,
  signal: AbortSignal,
): Promise<readonly WireEvent[]> {
  const events = await allPages(
    (pageToken) => daemon.events.list({ ...query, pageToken }, { signal }),
    (page) => page.events,
  );
  // An event that occurred again between two pages is on both. The later one counts.
  const last = new Map(events.map((event) => [event.id, event]));
  return events.filter((event) => last.get(event.id) === event);
}

/** Watches from the start, and skips events that were listed. */
async function* eventsAfter(
  known: readonly WireEvent[],
  daemon: LanternClient,
  query: EventQuery,
  signal: AbortSignal,
): AsyncGenerator<WireEvent> {
  const counts = new Map(known.map(({ id, count }) => [id, count]));
  for await (const event of daemon.events.watch({ ...query, includeExisting: true }, { signal })) {
    if (counts.get(event.id) !== event.count) yield event;
    // New, or its count has changed. All later messages about it are new.
    counts.delete(event.id);
  }
}

async function showAll(
  cli: Cli,
  { query, output, withHeadings }: EventView,
  events: readonly WireEvent[],
): Promise<void> {
  const { print, complain } = cli.terminal;
  if (isManifestFormat(output)) {
    return await showManifest(cli.terminal, listOf(events.map(eventManifest)), output);
  }
  if (events.length === 0) {
    return complain(query.namespace === '' ? 'No events found.' : `No events found in ${query.namespace} namespace.`);
  }
  if (output === 'name') return printNames(cli, events);
  if (isCustomColumns(output))
    return print(customColumnsPrinter(output, withHeadings !== false)(events.map(eventManifest)));
  const columns = { wide: output === 'wide', withNamespace: query.namespace === '', width: cli.terminal.columns };
  const headings = withHeadings === false ? undefined : eventHeadings(columns);
  const fit = eventFit(columns);
  print(formatTable(headings, eventRows(events, columns, cli.clock.now()), undefined, fit));
}

function printerFor(
  cli: Cli,
  { query, output, withHeadings }: EventView,
): (events: readonly WireEvent[]) => Promise<void> {
  const { print } = cli.terminal;
  if (output === 'name') return async (events) => printNames(cli, events);
  if (isCustomColumns(output)) {
    const rowsFor = customColumnsPrinter(output, withHeadings !== false);
    return async (events) => print(rowsFor(events.map(eventManifest)));
  }
  if (isManifestFormat(output)) {
    return async (events) => {
      for (const event of events) await showNextManifest(cli.terminal, eventManifest(event), output);
    };
  }
  const columns = { wide: output === 'wide', withNamespace: query.namespace === '', width: cli.terminal.columns };
  const headings = withHeadings === false ? undefined : eventHeadings(columns);
  const table = new GrowingTable(headings, undefined, eventFit(columns));
  return async (events) => print(table.add(eventRows(events, columns, cli.clock.now())));
}

function printNames(cli: Cli, events: readonly WireEvent[]): void {
  for (const { id } of events) cli.terminal.print(`event/${printable(id)}`);
}

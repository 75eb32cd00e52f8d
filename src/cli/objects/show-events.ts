import type { LanternClient } from '../../rpc/client.ts';
import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import type { Cli } from '../define-command.ts';
import { eventHeadings, eventManifest, eventRows, eventType } from '../output/events-table.ts';
import { formatTable, GrowingTable } from '../output/table.ts';
import { printable } from '../output/text.ts';
import { allPages } from '../with-daemon.ts';
import { isManifestFormat, type ManifestFormat, showManifest, showNextManifest } from './manifest-text.ts';

/** Which events. Everything where a text is empty. */
export type EventQuery = {
  readonly namespace: string;
  readonly involvedKind: string;
  readonly involvedName: string;
};

export type EventView = {
  readonly query: EventQuery;
  /** Only of these types; of both where undefined. */
  readonly types: ReadonlySet<string> | undefined;
  readonly watch: boolean;
  readonly output: EventFormat;
  /** Whether a table has headings; it does where undefined. */
  readonly withHeadings?: boolean;
};

/** How events are shown; a table where it is undefined. */
type EventFormat = ManifestFormat | 'name' | 'wide' | undefined;

/** Shows what happened lately; with `watch` also what happens from then on, until a signal ends that. */
export async function showEvents(cli: Cli, daemon: LanternClient, view: EventView): Promise<void> {
  const isSelected = (event: WireEvent) => view.types === undefined || view.types.has(eventType(event));
  const present = (await fetchEvents(daemon, view.query, cli.signal)).filter(isSelected);
  if (!view.watch) return await showAll(cli, view, present);
  const show = printerFor(cli, view);
  if (present.length > 0) await show(present);
  try {
    for await (const event of eventsAfter(present, daemon, view.query, cli.signal)) {
      if (isSelected(event)) await show([event]);
    }
  } catch (error) {
    if (!cli.signal.aborted) throw error;
  }
}

/** Each event once; the one that happened last comes last. */
export async function fetchEvents(
  daemon: LanternClient,
  query: EventQuery,
  signal: AbortSignal,
): Promise<readonly WireEvent[]> {
  const events = await allPages(
    (pageToken) => daemon.events.list({ ...query, pageToken }, { signal }),
    (page) => page.events,
  );
  // One that happened again between two pages is on both; the later counts.
  const last = new Map(events.map((event) => [event.id, event]));
  return events.filter((event) => last.get(event.id) === event);
}

/** What has happened since these were listed: a watch from the start, without what is known already. */
async function* eventsAfter(
  known: readonly WireEvent[],
  daemon: LanternClient,
  query: EventQuery,
  signal: AbortSignal,
): AsyncGenerator<WireEvent> {
  const counts = new Map(known.map(({ id, count }) => [id, count]));
  for await (const event of daemon.events.watch({ ...query, includeExisting: true }, { signal })) {
    if (counts.get(event.id) !== event.count) yield event;
    // Counted on or new: from now on every message is news.
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
    const list = { apiVersion: 'v1', kind: 'List', metadata: {}, items: events.map(eventManifest) };
    return await showManifest(cli.terminal, list, output);
  }
  if (events.length === 0) {
    return complain(query.namespace === '' ? 'No events found.' : `No events found in ${query.namespace} namespace.`);
  }
  if (output === 'name') return printNames(cli, events);
  const columns = { wide: output === 'wide', withNamespace: query.namespace === '' };
  const headings = withHeadings === false ? undefined : eventHeadings(columns);
  print(formatTable(headings, eventRows(events, columns, cli.clock.now())));
}

function printerFor(
  cli: Cli,
  { query, output, withHeadings }: EventView,
): (events: readonly WireEvent[]) => Promise<void> {
  const { print } = cli.terminal;
  if (output === 'name') return async (events) => printNames(cli, events);
  if (isManifestFormat(output)) {
    return async (events) => {
      for (const event of events) await showNextManifest(cli.terminal, eventManifest(event), output);
    };
  }
  const columns = { wide: output === 'wide', withNamespace: query.namespace === '' };
  const table = new GrowingTable(withHeadings === false ? undefined : eventHeadings(columns));
  return async (events) => print(table.add(eventRows(events, columns, cli.clock.now())));
}

function printNames(cli: Cli, events: readonly WireEvent[]): void {
  for (const { id } of events) cli.terminal.print(`event/${printable(id)}`);
}

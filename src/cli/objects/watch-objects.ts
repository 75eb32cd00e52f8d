import { isDeepStrictEqual } from 'node:util';
import { LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { ObjectEvent__Output as WireEvent } from '../../rpc/generated/lantern/v1/ObjectEvent.ts';
import type { Cli } from '../command.ts';
import { customColumnsPrinter } from '../output/custom-columns.ts';
import { GrowingTable } from '../output/table.ts';
import { allPages, onceBack, sayAway } from '../with-daemon.ts';
import type { Query } from './fetch-objects.ts';
import { isManifestFormat, showNextManifest, toManifests } from './manifest-text.ts';
import { isCustomColumns, type ObjectFormat } from './object-format.ts';
import { objectHeadings, objectRows } from './object-table.ts';

export type ObjectView = {
  readonly output: ObjectFormat;
  readonly withKind: boolean;
  readonly withLabels: boolean;
  readonly labelColumns: readonly string[];
  readonly withHeadings: boolean;
};

/** Prints all objects and then every change, until a signal. Errors as `followObjects`. */
export async function watchObjects(
  cli: Cli,
  daemon: LanternClient,
  query: Query,
  isSelected: (object: WireObject) => boolean,
  view: ObjectView,
): Promise<void> {
  const show = printerFor(cli, query, view);
  try {
    for await (const objects of followObjects(daemon, query, cli.signal, () => sayAway(cli))) {
      const selected = objects.filter(isSelected);
      if (selected.length > 0) await show(selected);
    }
  } catch (error) {
    if (!cli.signal.aborted) throw error;
  }
}

type Show = (objects: readonly WireObject[]) => Promise<void>;

function printerFor(cli: Cli, { kind, namespace, withData }: Query, view: ObjectView): Show {
  const { output: format, withKind, withLabels, labelColumns, withHeadings } = view;
  const { print } = cli.terminal;
  if (format === 'name') {
    return async (objects) => {
      for (const { metadata } of objects) print(`${kind.singular}/${metadata?.name ?? ''}`);
    };
  }
  if (isCustomColumns(format)) {
    const rowsFor = customColumnsPrinter(format, withHeadings);
    return async (objects) => print(rowsFor(await toManifests(objects, withData)));
  }
  if (isManifestFormat(format)) {
    return async (objects) => {
      for (const manifest of await toManifests(objects)) await showNextManifest(cli.terminal, manifest, format);
    };
  }
  const options = {
    wide: format === 'wide',
    withNamespace: namespace === '',
    withKind,
    withLabels,
    labelColumns,
    withHeadings,
  };
  const table = new GrowingTable(objectHeadings(kind, { ...options, now: 0 }));
  return async (objects) => print(table.add(objectRows(kind, objects, { ...options, now: cli.clock.now() })));
}

/**
 * Yields all objects at once, then every change; a deleted object in its last state. If the watch ends, because the
 * history is too short or the daemon restarts, it lists again: nothing is missed or repeated. Calls `onAway` when it
 * waits for the daemon; `unavailable` if that does not return. `not-found` for a name that does not exist at first.
 */
export async function* followObjects(
  daemon: LanternClient,
  query: Query,
  signal: AbortSignal,
  onAway: () => void,
): AsyncGenerator<readonly WireObject[], void> {
  const { kind, name, namespace, withData } = query;
  let { objects, revision } = await listObjects(daemon, query, signal);
  if (name !== undefined && objects.length === 0) {
    throw new LanternError('not-found', `watch ${kind.kind} ${namespace}/${name}: it does not exist`);
  }
  const seen = new SeenObjects();
  for (;;) {
    yield seen.replaceBy(objects);
    try {
      const from = { kind: kind.kind, namespace, resourceVersion: revision, withData };
      for await (const event of daemon.objects.watch(from, { signal })) {
        const { object } = event;
        if (object !== null && matches(query, object) && seen.take(event, object)) yield [object];
      }
    } catch (error) {
      if (!(error instanceof LanternError) || !PASSING.has(error.code)) throw error;
      if (error.code === 'unavailable') onAway();
    }
    if (signal.aborted) return;
    ({ objects, revision } = await onceBack(() => listObjects(daemon, query, signal), signal));
  }
}

/** The history is too short; this reader was too slow; the daemon is not running. */
const PASSING: ReadonlySet<string> = new Set(['out-of-range', 'resource-exhausted', 'unavailable']);

type Listed = { readonly objects: readonly WireObject[]; readonly revision: string };

async function listObjects(daemon: LanternClient, query: Query, signal: AbortSignal): Promise<Listed> {
  const { kind, namespace, withData } = query;
  let revision = '';
  const objects = await allPages(
    async (pageToken) => {
      const page = await daemon.objects.list({ kind: kind.kind, namespace, withData, pageToken }, { signal });
      revision = page.resourceVersion;
      return page;
    },
    (page) => page.objects.filter((object) => matches(query, object)),
  );
  return { objects, revision };
}

function matches({ name }: Query, { metadata }: WireObject): boolean {
  return name === undefined || metadata?.name === name;
}

/** Objects in the state in which they were yielded last. */
class SeenObjects {
  #objects = new Map<string, WireObject>();

  /** Returns changed objects, and then the last states of objects that are gone. */
  replaceBy(objects: readonly WireObject[]): readonly WireObject[] {
    const before = this.#objects;
    const now = new Map(objects.map((object) => [keyOf(object), object]));
    this.#objects = now;
    return [
      ...objects.filter((object) => !isDeepStrictEqual(object, before.get(keyOf(object)))),
      ...[...before].filter(([key]) => !now.has(key)).map(([, object]) => object),
    ];
  }

  /** False for a known state: a watch starts with events from the time when its list was read. */
  take({ type, resourceVersion }: WireEvent, object: WireObject): boolean {
    const key = keyOf(object);
    const known = this.#objects.get(key);
    if (type === 'DELETED' && known === undefined) return false;
    if (Number(resourceVersion) <= Number(known?.metadata?.resourceVersion ?? 0)) return false;
    if (type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, object);
    return true;
  }
}

function keyOf({ metadata }: WireObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

import { isDeepStrictEqual } from 'node:util';
import { LanternError } from '../../base/errors.ts';
import { retry } from '../../base/retry.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { ObjectEvent__Output as WireEvent } from '../../rpc/generated/lantern/v1/ObjectEvent.ts';
import type { Cli } from '../define-command.ts';
import { GrowingTable } from '../output/table.ts';
import { allPages, PAUSE } from '../with-daemon.ts';
import type { Query } from './fetch-objects.ts';
import { isManifestFormat, type ManifestFormat, showNextManifest, toManifests } from './manifest-text.ts';
import { objectHeadings, objectRows } from './object-table.ts';

/** How objects are shown; a table where it is undefined. */
export type ObjectFormat = ManifestFormat | 'name' | 'wide' | undefined;

export type ObjectView = {
  readonly output: ObjectFormat;
  readonly withLabels: boolean;
  readonly withHeadings: boolean;
};

/**
 * Shows the objects that are there and then each as it changes, a deleted one in its last state, until a signal ends
 * that. Throws what `followObjects` throws.
 */
export async function watchObjects(
  cli: Cli,
  daemon: LanternClient,
  query: Query,
  isSelected: (object: WireObject) => boolean,
  view: ObjectView,
): Promise<void> {
  const show = printerFor(cli, query, view);
  try {
    const sayAway = () => cli.terminal.complain('lantern: the daemon has gone away; waiting for it to come back');
    for await (const objects of followObjects(daemon, query, cli.signal, sayAway)) {
      const selected = objects.filter(isSelected);
      if (selected.length > 0) await show(selected);
    }
  } catch (error) {
    if (!cli.signal.aborted) throw error;
  }
}

type Show = (objects: readonly WireObject[]) => Promise<void>;

function printerFor(cli: Cli, { kind, namespace }: Query, view: ObjectView): Show {
  const { output: format, withLabels, withHeadings } = view;
  const { print } = cli.terminal;
  if (format === 'name') {
    return async (objects) => {
      for (const { metadata } of objects) print(`${kind.singular}/${metadata?.name ?? ''}`);
    };
  }
  if (isManifestFormat(format)) {
    return async (objects) => {
      for (const manifest of await toManifests(objects)) await showNextManifest(cli.terminal, manifest, format);
    };
  }
  const options = {
    wide: format === 'wide',
    withNamespace: namespace === '',
    withKind: false,
    withLabels,
    withHeadings,
  };
  const table = new GrowingTable(objectHeadings(kind, { ...options, now: 0 }));
  return async (objects) => print(table.add(objectRows(kind, objects, { ...options, now: cli.clock.now() })));
}

/** While the daemon restarts. Attempts come sooner than gRPC connects anew, which costs them nothing. */
const BACKOFF = { firstMs: 100, maxMs: 1_000, jitter: 0.2 };

/** How long a daemon that went away is waited for, in milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * What is there, all at once; then every change, a deleted object in its last state. When the watch ends early, because
 * the history does not reach back far enough or the daemon restarts, objects are listed again and what has changed
 * meanwhile comes next: nothing is missed, and nothing comes twice. `onAway` hears that the daemon is waited for.
 *
 * Throws `not-found` for a name that does not exist at first, and `unavailable` when the daemon does not come back.
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
        if (object !== null && isMeant(query, object) && seen.take(event, object)) yield [object];
      }
    } catch (error) {
      if (!(error instanceof LanternError) || !PASSING.has(error.code)) throw error;
      if (error.code === 'unavailable') onAway();
    }
    if (signal.aborted) return;
    // Whatever is wrong, it shall not make this a busy loop.
    await PAUSE.sleep(BACKOFF.firstMs, signal);
    ({ objects, revision } = await retry(() => listObjects(daemon, query, signal), {
      clock: PAUSE,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
      backoff: BACKOFF,
      isTransient: (error) => error instanceof LanternError && error.code === 'unavailable',
    }));
  }
}

/** The history does not go back so far; the reader was too slow for it; the daemon is gone. */
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
    (page) => page.objects.filter((object) => isMeant(query, object)),
  );
  return { objects, revision };
}

function isMeant({ name }: Query, { metadata }: WireObject): boolean {
  return name === undefined || metadata?.name === name;
}

/** The objects that are there, each in the state it was last handed out in. */
class SeenObjects {
  #objects = new Map<string, WireObject>();

  /** Takes a list for the new truth: what it changes, then the last states of what is not in it any more. */
  replaceBy(objects: readonly WireObject[]): readonly WireObject[] {
    const before = this.#objects;
    const now = new Map(objects.map((object) => [keyOf(object), object]));
    this.#objects = now;
    return [
      ...objects.filter((object) => !isDeepStrictEqual(object, before.get(keyOf(object)))),
      ...[...before].filter(([key]) => !now.has(key)).map(([, object]) => object),
    ];
  }

  /** Whether the event tells anything new: a watch starts with what happened while the pages of its list were read. */
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

import { LanternError } from '../base/errors.ts';
import type { LanternClient } from '../rpc/client.ts';
import type { Object__Output as WireObject } from '../rpc/generated/lantern/v1/Object.ts';
import type { Cli } from './cli.ts';
import type { Query } from './fetch-objects.ts';
import { formatManifest, toManifests } from './output/manifest-text.ts';
import { objectHeadings, objectRows } from './output/object-table.ts';
import { GrowingTable } from './output/table.ts';
import { allPages } from './pages.ts';

/** How objects are shown; a table where it is undefined. */
export type ObjectFormat = 'yaml' | 'json' | 'name' | 'wide' | undefined;

/**
 * Shows the objects that are there and then each as it changes, a deleted one in its last state, until a signal ends
 * that. Throws `not-found` for a name that does not exist.
 */
export async function watchObjects(
  cli: Cli,
  daemon: LanternClient,
  query: Query,
  isSelected: (object: WireObject) => boolean,
  format: ObjectFormat,
): Promise<void> {
  const show = printerFor(cli, query, format);
  try {
    for await (const objects of follow(daemon, query, cli.signal)) {
      const selected = objects.filter(isSelected);
      if (selected.length > 0) await show(selected);
    }
  } catch (error) {
    if (!cli.signal.aborted) throw error;
  }
}

/** What is there, all at once; then every change. */
async function* follow(
  daemon: LanternClient,
  { kind: { kind }, name, namespace, withData }: Query,
  signal: AbortSignal,
): AsyncGenerator<readonly WireObject[]> {
  const isMeant = (object: WireObject) => name === undefined || object.metadata?.name === name;
  let revision = '';
  const present = await allPages(
    async (pageToken) => {
      const page = await daemon.objects.list({ kind, namespace, withData, pageToken }, { signal });
      revision = page.resourceVersion;
      return page;
    },
    ({ objects }) => objects.filter(isMeant),
  );
  if (name !== undefined && present.length === 0) {
    throw new LanternError('not-found', `watch ${kind} ${namespace}/${name}: it does not exist`);
  }
  yield present;
  for await (const { object } of daemon.objects.watch(
    { kind, namespace, resourceVersion: revision, withData },
    { signal },
  )) {
    if (object !== null && isMeant(object)) yield [object];
  }
}

type Show = (objects: readonly WireObject[]) => Promise<void>;

function printerFor(cli: Cli, { kind, namespace }: Query, format: ObjectFormat): Show {
  const { print } = cli.terminal;
  if (format === 'name') {
    return async (objects) => {
      for (const { metadata } of objects) print(`${kind.singular}/${metadata?.name ?? ''}`);
    };
  }
  if (format === 'json' || format === 'yaml') {
    return async (objects) => {
      for (const manifest of await toManifests(objects)) {
        const text = await formatManifest(manifest, format);
        print(format === 'yaml' ? `---\n${text}` : text);
      }
    };
  }
  const options = { wide: format === 'wide', withNamespace: namespace === '', withKind: false };
  const table = new GrowingTable(objectHeadings(kind, { ...options, now: 0 }));
  return async (objects) => print(table.add(objectRows(kind, objects, { ...options, now: cli.clock.now() })));
}

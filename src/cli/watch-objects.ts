import type { LanternClient } from '../rpc/client.ts';
import type { Object__Output as WireObject } from '../rpc/generated/lantern/v1/Object.ts';
import type { Cli } from './cli.ts';
import type { Query } from './fetch-objects.ts';
import { followObjects } from './follow-objects.ts';
import { isManifestFormat, type ManifestFormat, showNextManifest, toManifests } from './output/manifest-text.ts';
import { objectHeadings, objectRows } from './output/object-table.ts';
import { GrowingTable } from './output/table.ts';

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

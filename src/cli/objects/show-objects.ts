import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { Cli } from '../command.ts';
import type { KindName } from '../kinds.ts';
import { customColumnsPrinter } from '../output/custom-columns.ts';
import type { JsonPath } from '../output/json-path.ts';
import { isManifestFormat, listOf, type ManifestFormat, showManifest, toManifests } from './manifest-text.ts';
import { isCustomColumns, type ObjectFormat } from './object-format.ts';
import { objectTable } from './object-table.ts';

export type ObjectsView = {
  readonly output: ObjectFormat;
  readonly sortBy: JsonPath | undefined;
  /** Prints the first object as itself, not a list. */
  readonly isOne: boolean;
  /** For stderr, in place of a table without rows. */
  readonly ifNone: string | undefined;
  /** True if the objects have their values. */
  readonly withData: boolean;
  readonly withNamespace: boolean;
  /** Several kinds are shown in any case. */
  readonly withKind: boolean;
  readonly withLabels: boolean;
  readonly labelColumns: readonly string[];
  readonly withHeadings: boolean;
};

type Found = ReadonlyMap<KindName, readonly WireObject[]>;

/** Fields of objects that are known without values. */
const WITHOUT_VALUES: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata', 'type', 'immutable']);

/** True if the format or the order may depend on the values of Secrets and ConfigMaps. */
export function needsValues(format: ObjectFormat, sortBy: JsonPath | undefined): boolean {
  const columns = isCustomColumns(format) ? format.columns.map(({ path }) => path) : [];
  const paths = sortBy === undefined ? columns : [...columns, sortBy];
  return (
    isManifestFormat(format) ||
    !paths.every(({ steps: [first] }) => {
      return first?.kind === 'field' && WITHOUT_VALUES.has(first.name);
    })
  );
}

/** Prints objects by kind, in the order of the map. Errors as `sortedBy`. */
export async function showObjects(cli: Cli, unsorted: Found, view: ObjectsView): Promise<void> {
  const { output, isOne, ifNone, withData } = view;
  const found = await sorted(unsorted, view);
  const objects = [...found.values()].flat();
  // A missing object has its error. A list without objects is a list.
  if (objects.length === 0 && (isOne || !isManifestFormat(output))) {
    if (ifNone !== undefined) cli.terminal.complain(ifNone);
  } else if (isManifestFormat(output)) await showManifests(cli, objects, output, isOne);
  else if (isCustomColumns(output)) {
    const rowsFor = customColumnsPrinter(output, view.withHeadings);
    cli.terminal.print(rowsFor(await toManifests(objects, withData)));
  } else cli.terminal.print(output === 'name' ? namesOf(found) : tablesOf(cli, found, view));
}

async function sorted(found: Found, { sortBy, withData }: ObjectsView): Promise<Found> {
  if (sortBy === undefined) return found;
  const { sortedBy } = await import('../output/sort-by.ts');
  const entries = [...found].map(async ([kind, objects]): Promise<[KindName, readonly WireObject[]]> => {
    return [kind, sortedBy(sortBy, objects, await toManifests(objects, withData))];
  });
  return new Map(await Promise.all(entries));
}

function namesOf(found: Found): string {
  return [...found]
    .flatMap(([{ singular }, objects]) => objects.map(({ metadata }) => `${singular}/${metadata?.name ?? ''}`))
    .join('\n');
}

function tablesOf(cli: Cli, found: Found, view: ObjectsView): string {
  const options = {
    ...view,
    now: cli.clock.now(),
    wide: view.output === 'wide',
    withKind: view.withKind || found.size > 1,
  };
  return [...found]
    .filter(([, objects]) => objects.length > 0)
    .map(([kind, objects]) => objectTable(kind, objects, options))
    .join(view.withHeadings ? '\n\n' : '\n');
}

async function showManifests(
  cli: Cli,
  objects: readonly WireObject[],
  format: ManifestFormat,
  isOne: boolean,
): Promise<void> {
  const manifests = await toManifests(objects);
  const document = isOne ? manifests[0] : listOf(manifests);
  await showManifest(cli.terminal, document, format);
}

import type { Command } from 'commander';
import { hasCode } from '../../base/errors.ts';
import { refOf } from '../../objects/object.ts';
import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { type Cli, withExamples } from '../command.ts';
import { forEach, listFaults, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { fieldSelectorOf } from '../field-selector.ts';
import {
  EVENTS_NAME,
  isEventsWord,
  KIND_NAMES,
  type KindName,
  listKinds,
  nameOfKind,
  oneByOne,
  parseSelections,
  refuseNames,
  selectorOf,
  type Wanted,
} from '../kinds.ts';
import { fetchObjects, noneFound } from '../objects/fetch-objects.ts';
import { objectOutputOption } from '../objects/object-format.ts';
import { addManifestOptions, type ManifestOptions, readObjects } from '../objects/read-objects.ts';
import { showEvents } from '../objects/show-events.ts';
import { needsValues, type ObjectsView, showObjects } from '../objects/show-objects.ts';
import { watchObjects } from '../objects/watch-objects.ts';
import { addWithoutEffect, collect, namespaceOption, selectorOption } from '../options.ts';
import { eventType } from '../output/events-table.ts';
import type { JsonPath } from '../output/json-path.ts';
import { parseRelaxedPath } from '../output/parse-json-path.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = ManifestOptions & {
  readonly allNamespaces: boolean;
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly sortBy?: JsonPath;
  readonly watch: boolean;
  readonly ignoreNotFound: boolean;
  readonly showKind: boolean;
  readonly showLabels: boolean;
  readonly labelColumns?: readonly string[];
  /** Commander sets it to false for --no-headers. */
  readonly headers: boolean;
  readonly output?: ObjectsView['output'];
};

/** An empty namespace means all namespaces. */
type Place = Wanted & { readonly namespace: string };

/** Fetches values only to show them, for -o yaml, json, jsonpath and custom columns. */
export function getCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern get secrets',
    'lantern get secret mysecret -o yaml',
    'lantern get secret/mysecret configmap/settings',
    "lantern get secret mysecret -o jsonpath='{.data.password}' | base64 -d",
    `lantern get secrets -o jsonpath='{.items[?(@.type=="Opaque")].metadata.name}'`,
    "lantern get secrets -A -l 'tier in (web,db),!draft'",
    'lantern get secrets --sort-by .metadata.creationTimestamp -L app',
    'lantern get all -o custom-columns=KIND:.kind,NAME:.metadata.name',
  ]).argument('[KIND [NAME]|KIND/NAME...]', `all, ${listKinds([...KIND_NAMES, EVENTS_NAME], 'plural')}`);
  // A list is read in pages, prints what is stored, and has no table of the server's.
  addWithoutEffect(command, '--chunk-size <NUMBER>', '--show-managed-fields', '--server-print');
  addManifestOptions(command)
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'list objects in all namespaces', false)
    .addOption(selectorOption())
    .option('--field-selector <SELECTOR>', 'select by metadata.name, metadata.namespace or type, such as type!=Opaque')
    .option('--sort-by <PATH>', 'sort by a field, such as .metadata.creationTimestamp', sortByArgument)
    .option('--ignore-not-found', 'do not fail if an object does not exist', false)
    .option('-w, --watch', 'after listing, watch for changes until interrupted', false)
    .option(
      '-L, --label-columns <KEYS>',
      'labels to show as columns of a table; commas between, or repeated',
      collectKeys,
    )
    .option('--show-kind', 'show kinds before the names in a table', false)
    .option('--show-labels', 'show labels as the last column of a table', false)
    .option('--no-headers', 'do not print headings')
    .addOption(objectOutputOption())
    .action(async (words: readonly string[], options: Options) => {
      refuseLabelsOutsideTables(options);
      if (isEventsWord(words[0])) return getEvents(cli, words, options, command);
      const wanted = await placesOf(cli, words, options);
      const isSelected = selectorFor(options, wanted);
      const withData = needsValues(options.output, options.sortBy);
      if (options.watch) {
        if (options.sortBy !== undefined) cli.terminal.complain('warning: --sort-by has no effect with --watch');
        const query = { ...onlyOne(wanted), withData };
        const view = viewOf(options);
        return withDaemon(cli, command, (daemon) => watchObjects(cli, daemon, query, isSelected, view));
      }
      return withDaemon(cli, command, async (daemon) => {
        const found = new Map(wanted.map(({ kind }): [KindName, WireObject[]] => [kind, []]));
        const allWell = await forEach(cli.terminal, wanted, async (place) => {
          const objects = await fetchObjects(daemon, { ...place, withData }, cli.signal).catch((error: unknown) => {
            if (options.ignoreNotFound && hasCode(error, 'not-found')) return [];
            throw error;
          });
          found.get(place.kind)?.push(...objects.filter(isSelected));
        });
        // A single object requested by name is printed as itself, everything else as a list.
        const isOne = wanted.length === 1 && wanted[0]?.name !== undefined;
        // The reader of manifests has said that they have no objects.
        const isQuiet = isOne || options.ignoreNotFound || wanted.length === 0;
        const ifNone = isQuiet ? undefined : noneFound(options.allNamespaces ? '' : options.currentNamespace);
        await showObjects(cli, found, { ...viewOf(options), sortBy: options.sortBy, isOne, ifNone, withData });
        if (!allWell) throw PARTLY_FAILED;
      });
    });
}

/** Throws `wrongUsage` for names in all namespaces. */
async function placesOf(cli: Cli, words: readonly string[], options: Options): Promise<readonly Place[]> {
  const { filename, kustomize, allNamespaces, currentNamespace } = options;
  if (filename === undefined && kustomize === undefined) {
    const wanted = parseSelections(words, { withAll: true }).flatMap(oneByOne);
    if (allNamespaces) refuseNames(wanted, '--all-namespaces');
    return wanted.map((one) => ({ ...one, namespace: allNamespaces ? '' : currentNamespace }));
  }
  if (words.length > 0) throw wrongUsage('objects and -f or -k cannot be combined');
  if (allNamespaces) throw wrongUsage('-f or -k and --all-namespaces cannot be combined');
  const objects = await readObjects(cli, options);
  return objects.map(({ draft }) => {
    const { kind, namespace, name } = refOf(draft);
    return { kind: nameOfKind(kind), namespace, name };
  });
}

/** Events are not objects of the store. The daemon keeps them, as for `lantern events`. */
async function getEvents(cli: Cli, words: readonly string[], options: Options, command: Command): Promise<void> {
  if (words.length > 1) throw wrongUsage('"get events" takes no names; use "lantern events --for KIND/NAME"');
  const { allNamespaces, currentNamespace, selector, showLabels, labelColumns, fieldSelector } = options;
  const labels = { '--selector': selector, '--show-labels': showLabels || undefined, '--label-columns': labelColumns };
  const given = Object.entries(labels).find(([, value]) => value !== undefined);
  if (given !== undefined) throw wrongUsage(`events have no labels; remove ${given[0]}`);
  const query = { namespace: allNamespaces ? '' : currentNamespace, involvedKind: '', involvedName: '' };
  const { watch, sortBy, output, headers: withHeadings } = options;
  const isSelected = fieldSelectorOf(fieldSelector, EVENT_FIELDS);
  await withDaemon(cli, command, (daemon) =>
    showEvents(cli, daemon, { query, isSelected, sortBy, watch, output, withHeadings }),
  );
}

const EVENT_FIELDS: Readonly<Record<string, (event: WireEvent) => string>> = {
  'metadata.name': ({ id }) => id,
  'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
  'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
  'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
  reason: ({ reason }) => reason,
  type: eventType,
};

/** As with kubectl: other formats show the labels anyway, or have no place for them. */
function refuseLabelsOutsideTables({ showLabels, labelColumns, output }: Options): void {
  const flag = showLabels ? '--show-labels' : labelColumns && '--label-columns';
  if (flag !== undefined && output !== undefined && output !== 'wide')
    throw wrongUsage(`${flag} needs a table: no --output, or -o wide`);
}

function viewOf({ output, showKind, showLabels, labelColumns = [], headers, allNamespaces }: Options) {
  const shown = { withKind: showKind, withLabels: showLabels, labelColumns };
  return { output, ...shown, withHeadings: headers, withNamespace: allNamespaces };
}

function onlyOne([first, ...more]: readonly Place[]): Place {
  if (first !== undefined && more.length === 0) return first;
  throw wrongUsage('--watch takes one kind or one object');
}

function selectorFor({ selector, fieldSelector }: Options, wanted: readonly Wanted[]): (object: WireObject) => boolean {
  if (selector !== undefined) refuseNames(wanted, '--selector');
  const hasLabels = selectorOf(selector);
  const hasFields = fieldSelectorOf(fieldSelector, OBJECT_FIELDS);
  return (object) => hasLabels(object) && hasFields(object);
}

const OBJECT_FIELDS: Readonly<Record<string, (object: WireObject) => string>> = {
  'metadata.name': ({ metadata }) => metadata?.name ?? '',
  'metadata.namespace': ({ metadata }) => metadata?.namespace ?? '',
  type: ({ secret }) => secret?.type ?? '',
};

function sortByArgument(text: string): JsonPath {
  const path = parseRelaxedPath(text, '--sort-by');
  if (!path.ok) throw wrongUsage(listFaults(path.faults));
  return path.value;
}

function collectKeys(value: string, before?: readonly string[]): readonly string[] {
  return value.split(',').reduce((keys: readonly string[], key) => collect(key, keys), before ?? []);
}

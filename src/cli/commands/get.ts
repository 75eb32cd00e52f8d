import { type Command, InvalidArgumentError, type Option } from 'commander';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { type Cli, withExamples } from '../command.ts';
import { forEach, listFaults, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import {
  EVENTS_NAME,
  isEventsWord,
  KIND_NAMES,
  type KindName,
  listKinds,
  oneByOne,
  parseSelections,
  selectorOf,
  type Wanted,
} from '../kinds.ts';
import { fetchObjects } from '../objects/fetch-objects.ts';
import { isManifestFormat, type ManifestFormat, showManifest, toManifests } from '../objects/manifest-text.ts';
import { objectTable } from '../objects/object-table.ts';
import { showEvents } from '../objects/show-events.ts';
import { type ObjectFormat, type ObjectView, watchObjects } from '../objects/watch-objects.ts';
import { type NamespaceOptions, namespaceOption, outputOption, selectorOption } from '../options.ts';
import { parseJsonPath } from '../output/parse-json-path.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = NamespaceOptions & {
  readonly allNamespaces: boolean;
  readonly selector?: string;
  readonly watch: boolean;
  readonly showLabels: boolean;
  /** Commander sets it to false for --no-headers. */
  readonly headers: boolean;
  readonly output?: ObjectFormat;
};

/** In the order requested. */
type Found = ReadonlyMap<KindName, readonly WireObject[]>;

/** Fetches values only to show them, for -o yaml, json and jsonpath. */
export function getCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern get secrets',
    'lantern get secret mysecret -o yaml',
    'lantern get secret/mysecret configmap/settings',
    "lantern get secret mysecret -o jsonpath='{.data.password}' | base64 -d",
    `lantern get secrets -o jsonpath='{.items[?(@.type=="Opaque")].metadata.name}'`,
    "lantern get secrets -A -l 'tier in (web,db),!draft'",
  ])
    .argument('<KIND [NAME]|KIND/NAME...>', listKinds([...KIND_NAMES, EVENTS_NAME], 'plural'))
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'list objects in all namespaces', false)
    .addOption(selectorOption())
    .option('-w, --watch', 'after listing, watch for changes until interrupted', false)
    .option('--show-labels', 'show labels as the last column of a table', false)
    .option('--no-headers', 'do not print headings')
    .addOption(objectOutputOption())
    .action(async (words: readonly string[], options: Options) => {
      refuseLabelsOutsideTables(options);
      if (isEventsWord(words[0])) return getEvents(cli, words, options, command);
      const selections = parseSelections(words);
      const hasNames = selections.some(({ names }) => names.length > 0);
      if (options.allNamespaces && hasNames) {
        throw wrongUsage('names cannot be combined with --all-namespaces');
      }
      const isSelected = selectorFor(options, hasNames);
      const namespace = options.allNamespaces ? '' : options.currentNamespace;
      const withData = isManifestFormat(options.output);
      const wanted = selections.flatMap(oneByOne);
      if (options.watch) {
        const query = { ...onlyOne(wanted), namespace, withData };
        return withDaemon(cli, command, (daemon) => watchObjects(cli, daemon, query, isSelected, viewOf(options)));
      }
      return withDaemon(cli, command, async (daemon) => {
        const found = new Map(selections.map(({ kind }): [KindName, WireObject[]] => [kind, []]));
        const allWell = await forEach(cli.terminal, wanted, async ({ kind, name }) => {
          const objects = await fetchObjects(daemon, { kind, name, namespace, withData }, cli.signal);
          found.get(kind)?.push(...objects.filter(isSelected));
        });
        // A single object requested by name is printed as itself, everything else as a list.
        const isOne = selections.length === 1 && selections[0]?.names.length === 1;
        await show(cli, found, options, isOne);
        if (!allWell) throw PARTLY_FAILED;
      });
    });
}

/** Events are not objects of the store. The daemon keeps them, as for `lantern events`. */
async function getEvents(
  cli: Cli,
  words: readonly string[],
  { allNamespaces, currentNamespace, selector, watch, showLabels, headers, output }: Options,
  command: Command,
): Promise<void> {
  if (words.length > 1) throw wrongUsage('"get events" takes no names; use "lantern events --for KIND/NAME"');
  if (selector !== undefined) throw wrongUsage('events have no labels; remove --selector');
  if (showLabels) throw wrongUsage('events have no labels; remove --show-labels');
  const query = { namespace: allNamespaces ? '' : currentNamespace, involvedKind: '', involvedName: '' };
  const view = { query, types: undefined, watch, output, withHeadings: headers };
  await withDaemon(cli, command, (daemon) => showEvents(cli, daemon, view));
}

/** As with kubectl: other formats show the labels anyway, or have no place for them. */
function refuseLabelsOutsideTables({ showLabels, output }: Options): void {
  if (showLabels && output !== undefined && output !== 'wide')
    throw wrongUsage('--show-labels needs a table: no --output, or -o wide');
}

function viewOf({ output, showLabels, headers }: Options): ObjectView {
  return { output, withLabels: showLabels, withHeadings: headers };
}

function onlyOne([first, ...more]: readonly Wanted[]): Wanted {
  if (first !== undefined && more.length === 0) return first;
  throw wrongUsage('--watch takes one kind or one object');
}

function selectorFor({ selector }: Options, hasNames: boolean): (object: WireObject) => boolean {
  if (selector !== undefined && hasNames) throw wrongUsage('a name and --selector cannot be combined');
  return selectorOf(selector);
}

async function show(cli: Cli, found: Found, options: Options, single: boolean): Promise<void> {
  const objects = [...found.values()].flat();
  if (single && objects.length === 0) return;
  if (isManifestFormat(options.output)) return showManifests(cli, objects, options.output, single);
  if (objects.length === 0) return sayNothingFound(cli, options);
  for (const text of options.output === 'name' ? namesOf(found) : [tablesOf(cli, found, options)]) {
    cli.terminal.print(text);
  }
}

function namesOf(found: Found): string[] {
  return [...found].flatMap(([{ singular }, objects]) =>
    objects.map(({ metadata }) => `${singular}/${metadata?.name ?? ''}`),
  );
}

function tablesOf(cli: Cli, found: Found, options: Options): string {
  const tableOptions = {
    now: cli.clock.now(),
    wide: options.output === 'wide',
    withNamespace: options.allNamespaces,
    withKind: found.size > 1,
    ...viewOf(options),
  };
  return [...found]
    .filter(([, objects]) => objects.length > 0)
    .map(([kind, objects]) => objectTable(kind, objects, tableOptions))
    .join(options.headers ? '\n\n' : '\n');
}

async function showManifests(
  cli: Cli,
  objects: readonly WireObject[],
  format: ManifestFormat,
  single: boolean,
): Promise<void> {
  const manifests = await toManifests(objects);
  const document = single ? manifests[0] : { apiVersion: 'v1', kind: 'List', metadata: {}, items: manifests };
  await showManifest(cli.terminal, document, format);
}

function sayNothingFound(cli: Cli, options: Options): void {
  const where = options.allNamespaces ? '' : ` in ${options.currentNamespace} namespace`;
  cli.terminal.complain(`No resources found${where}.`);
}

const WORDS = ['yaml', 'json', 'name', 'wide'] as const;
const TEMPLATE = 'jsonpath=';

function objectOutputOption(): Option {
  return outputOption(...WORDS, `${TEMPLATE}TEMPLATE`).argParser(parseFormat);
}

function parseFormat(text: string): ObjectFormat {
  const word = WORDS.find((known) => known === text);
  if (word !== undefined) return word;
  if (text === 'jsonpath') throw wrongUsage("-o jsonpath needs a template: -o jsonpath='{.metadata.name}'");
  if (!text.startsWith(TEMPLATE)) {
    throw new InvalidArgumentError(`Allowed choices are ${WORDS.join(', ')}, ${TEMPLATE}TEMPLATE.`);
  }
  const template = parseJsonPath(text.slice(TEMPLATE.length), '-o jsonpath');
  if (!template.ok) throw wrongUsage(listFaults(template.faults));
  return template.value;
}

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { type Cli, namespaceOption, withExamples } from '../define-command.ts';
import { listFaults, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { forEach } from '../for-each.ts';
import {
  isEventsWord,
  type KindName,
  oneByOne,
  parseSelections,
  type Selection,
  selectorOf,
  type Wanted,
} from '../kinds.ts';
import { fetchObjects } from '../objects/fetch-objects.ts';
import { isManifestFormat, type ManifestFormat, showManifest, toManifests } from '../objects/manifest-text.ts';
import { objectTable } from '../objects/object-table.ts';
import { showEvents } from '../objects/show-events.ts';
import { type ObjectFormat, type ObjectView, watchObjects } from '../objects/watch-objects.ts';
import { parseJsonPath } from '../output/parse-json-path.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly namespace?: string;
  readonly allNamespaces: boolean;
  readonly selector?: string;
  readonly watch: boolean;
  readonly showLabels: boolean;
  /** As commander has it: false for --no-headers. */
  readonly headers: boolean;
  readonly output?: ObjectFormat;
};

/** Objects by kind, in the order asked for. */
type Found = ReadonlyMap<KindName, readonly WireObject[]>;

/** `lantern get`: values are fetched only where they are shown, for -o yaml, json and jsonpath. */
export function getCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern get secrets',
    'lantern get secret mysecret -o yaml',
    'lantern get secret/mysecret configmap/settings',
    "lantern get secret mysecret -o jsonpath='{.data.password}' | base64 -d",
    `lantern get secrets -o jsonpath='{.items[?(@.type=="Opaque")].metadata.name}'`,
    "lantern get secrets -A -l 'tier in (web,db),!draft'",
  ])
    .argument(
      '<KIND [NAME]|KIND/NAME...>',
      'secrets, configmaps (cm), serviceaccounts (sa), projectedvolumes, events (ev)',
    )
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'objects of every namespace', false)
    .option('-l, --selector <SELECTOR>', 'only objects with such labels: a=b,c!=d,e in (x,y),f,!g')
    .option('-w, --watch', 'then show each object that changes, until interrupted', false)
    .option('--show-labels', 'a column with the labels, in tables', false)
    .option('--no-headers', 'tables without headings')
    .addOption(objectOutputOption())
    .action(async (words: readonly string[], options: Options) => {
      refuseLabelsOutsideTables(options);
      if (isEventsWord(words[0])) return getEvents(cli, words, options, command);
      const selections = parseSelections(words);
      const hasNames = selections.some(({ names }) => names.length > 0);
      if (options.allNamespaces && hasNames) {
        throw wrongUsage('objects are named within one namespace; leave out the names or --all-namespaces');
      }
      const isSelected = selectorFor(options, hasNames);
      const namespace = options.allNamespaces ? '' : (options.namespace ?? 'default');
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
        await show(cli, found, options, isOneObject(selections));
        if (!allWell) throw PARTLY_FAILED;
      });
    });
}

/** Events are no objects of the store: the daemon's own list answers, as for `lantern events`. */
async function getEvents(
  cli: Cli,
  words: readonly string[],
  { allNamespaces, namespace = 'default', selector, watch, showLabels, headers, output }: Options,
  command: Command,
): Promise<void> {
  if (words.length > 1) throw wrongUsage('events are not named here; "lantern events --for KIND/NAME" takes some out');
  if (selector !== undefined) throw wrongUsage('events have no labels; leave out --selector');
  if (showLabels) throw wrongUsage('events have no labels; leave out --show-labels');
  const query = { namespace: allNamespaces ? '' : namespace, involvedKind: '', involvedName: '' };
  const view = { query, types: undefined, watch, output, withHeadings: headers };
  await withDaemon(cli, command, (daemon) => showEvents(cli, daemon, view));
}

/** As kubectl has it: elsewhere the labels are shown anyway, or there is no place for them. */
function refuseLabelsOutsideTables({ showLabels, output }: Options): void {
  if (showLabels && output !== undefined && output !== 'wide')
    throw wrongUsage('--show-labels adds a column to a table; it goes with no --output, or with -o wide');
}

function viewOf({ output, showLabels, headers }: Options): ObjectView {
  return { output, withLabels: showLabels, withHeadings: headers };
}

function onlyOne([first, ...more]: readonly Wanted[]): Wanted {
  if (first !== undefined && more.length === 0) return first;
  throw wrongUsage('--watch takes one kind, or one object by its name');
}

/** What `--selector` says about an object. */
function selectorFor({ selector }: Options, hasNames: boolean): (object: WireObject) => boolean {
  if (selector !== undefined && hasNames)
    throw wrongUsage('objects are meant either by name or by --selector, not both');
  return selectorOf(selector);
}

/** A single object that was asked for by name is shown as itself, anything else as a list. */
function isOneObject(selections: readonly Selection[]): boolean {
  return selections.length === 1 && selections[0]?.names.length === 1;
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

/** One table per kind of which there is anything. */
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
  const where = options.allNamespaces ? '' : ` in ${options.namespace ?? 'default'} namespace`;
  cli.terminal.complain(`No resources found${where}.`);
}

const WORDS = ['yaml', 'json', 'name', 'wide'] as const;
const TEMPLATE = 'jsonpath=';

/** `-o` of commands that show objects: a format by its name, or kubectl's `jsonpath=TEMPLATE`. */
function objectOutputOption(): Option {
  const help = `format for programs (choices: ${WORDS.map((word) => `"${word}"`).join(', ')}, "${TEMPLATE}TEMPLATE")`;
  return new Option('-o, --output <FORMAT>', help).argParser(parseFormat);
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

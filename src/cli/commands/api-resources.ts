import type { Command } from 'commander';
import { API_VERSIONS } from '../../objects/object.ts';
import { type Cli, withExamples } from '../command.ts';
import { EVENTS_NAME, groupOf, KIND_NAMES, type KindName } from '../kinds.ts';
import { outputOption } from '../options.ts';
import { formatTable } from '../output/table.ts';

type Options = {
  readonly namespaced?: boolean;
  readonly verbs?: readonly string[];
  /** Commander sets it to false for --no-headers. */
  readonly headers: boolean;
  readonly output?: 'name';
};

const READING = ['get', 'list', 'watch'];
const CHANGING = ['create', 'delete', 'patch', 'update'];

const HEADINGS = ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND'];

/** All kinds have a namespace. */
export function apiResourcesCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern api-resources', 'lantern api-resources -o name'])
    .option('--namespaced', 'only kinds with a namespace; with =false, those without')
    .option('--verbs <VERBS>', 'only kinds with all of these verbs, such as list,create', (text) => text.split(','))
    .option('--no-headers', 'do not print headings')
    .addOption(outputOption('name'))
    .action(({ namespaced = true, verbs = [], headers, output }: Options) => {
      const events = { ...EVENTS_NAME, kind: 'Event', apiVersion: 'v1', verbs: READING };
      const resources = [...KIND_NAMES.map(resourceOf), events]
        .filter((resource) => namespaced && verbs.every((verb) => resource.verbs.includes(verb)))
        .sort((a, b) => (a.plural < b.plural ? -1 : 1));
      const rows = resources.map(({ plural, short = '', apiVersion, kind }) => {
        return output === 'name' ? [nameIn(apiVersion, plural)] : [plural, short, apiVersion, 'true', kind];
      });
      const headings = headers && output === undefined ? HEADINGS : undefined;
      if (rows.length > 0 || headings !== undefined) cli.terminal.print(formatTable(headings, rows));
    });
}

function resourceOf(name: KindName) {
  return { ...name, apiVersion: API_VERSIONS[name.kind], verbs: [...READING, ...CHANGING] };
}

/** Names outside of the core group have it behind a dot. */
function nameIn(apiVersion: string, plural: string): string {
  const { group } = groupOf(apiVersion);
  return group === '' ? plural : `${plural}.${group}`;
}

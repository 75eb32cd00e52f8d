import { type Command, Option } from 'commander';
import { API_VERSIONS } from '../../objects/object.ts';
import { type Cli, withExamples } from '../command.ts';
import { EVENTS_NAME, KIND_NAMES, type KindName } from '../kinds.ts';
import { outputOption } from '../options.ts';
import { formatTable } from '../output/table.ts';

type Options = {
  readonly namespaced?: 'true' | 'false';
  /** Commander sets it to false for --no-headers. */
  readonly headers: boolean;
  readonly output?: 'name';
};

const HEADINGS = ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND'];

/** All kinds have a namespace. */
export function apiResourcesCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern api-resources', 'lantern api-resources -o name'])
    .addOption(
      new Option('--namespaced <BOOLEAN>', 'only kinds with or without a namespace').choices(['true', 'false']),
    )
    .option('--no-headers', 'do not print headings')
    .addOption(outputOption('name'))
    .action(({ namespaced, headers, output }: Options) => {
      const events = { ...EVENTS_NAME, kind: 'Event', apiVersion: 'v1' };
      const resources = [...KIND_NAMES.map(resourceOf), events].sort((a, b) => (a.plural < b.plural ? -1 : 1));
      const rows =
        namespaced === 'false'
          ? []
          : resources.map(({ plural, short = '', apiVersion, kind }) => {
              return output === 'name' ? [nameIn(apiVersion, plural)] : [plural, short, apiVersion, 'true', kind];
            });
      const headings = headers && output === undefined ? HEADINGS : undefined;
      if (rows.length > 0 || headings !== undefined) cli.terminal.print(formatTable(headings, rows));
    });
}

function resourceOf(name: KindName) {
  return { ...name, apiVersion: API_VERSIONS[name.kind] };
}

/** Names outside of the core group have it behind a dot. */
function nameIn(apiVersion: string, plural: string): string {
  const [group = '', version] = apiVersion.split('/');
  return version === undefined ? plural : `${plural}.${group}`;
}

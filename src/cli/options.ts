import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../base/clock.ts';

/** Part of the help. */
export const CURRENT = '(default: that of "lantern config view")';

/** `settle` of a program fills in `currentNamespace`. */
export type NamespaceOptions = {
  /** That of the flag. */
  readonly namespace?: string;
  /** That of the flag, the environment, the settings, or `default`. */
  readonly currentNamespace: string;
};

export function namespaceOption(help = `namespace ${CURRENT}`): Option {
  return new Option('-n, --namespace <NAME>', help);
}

export function outputOption<Format extends string>(...formats: readonly Format[]): Option {
  return new Option('-o, --output <FORMAT>', 'output format').choices(formats);
}

/** `client` asks no daemon to check or store; `server` lets it check everything. */
export type DryRun = 'none' | 'client' | 'server';

/** As with kubectl the mode is attached: `--dry-run=server`. */
export function dryRunOption(help: string, bare: 'client' | 'server' = 'client'): Option {
  const modes = ['none', 'client', 'server'];
  const option = new Option('--dry-run [MODE]', help).choices(modes).preset(bare).default('none');
  return option.argParser((word: string) => {
    if (modes.includes(word)) return word;
    // A bare flag before a name takes the name for its mode.
    throw new InvalidArgumentError(`Allowed choices are ${modes.join(', ')}, as in --dry-run=client.`);
  });
}

/** Ends the line of an object that a dry run did not change. */
export const DRY_RUN_REMARKS: Readonly<Record<DryRun, string>> = {
  none: '',
  client: ' (dry run)',
  server: ' (server dry run)',
};

/** For kubectl's users: accepted, without an effect on the objects that are kept here. */
export function addWithoutEffect(command: Command, ...flags: readonly string[]): Command {
  for (const flag of flags) command.addOption(new Option(flag, 'has no effect').hideHelp());
  return command;
}

export function filenameOption(help = 'manifest, directory of manifests, or stdin; may be repeated'): Option {
  return new Option('-f, --filename <FILE|DIR|->', help).argParser(collect);
}

export function selectorOption(): Option {
  return new Option('-l, --selector <SELECTOR>', 'label selector, such as a=b,c!=d,e in (x,y),f,!g');
}

/** For commands that act on one container of a Pod manifest. */
export function containerOption(): Option {
  return new Option('-c, --container <NAME>', 'container name (default: the first container)');
}

export function waitOption(): Option {
  const help = 'how long to wait for missing objects, such as 30s; 0s does not wait';
  return new Option('--wait <DURATION>', help).argParser(durationArgument);
}

export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Parses a duration such as `30s` or `1m30s` to milliseconds. */
export function durationArgument(text: string): number {
  const duration = parseDuration(text, '');
  if (duration.ok) return duration.value;
  throw new InvalidArgumentError(duration.faults.map(({ message }) => message).join());
}

/** Those of kubectl users that take a value. Others are taken for switches. */
const VALUED = new Set([
  ...['-n', '--namespace', '-o', '--output', '-l', '--selector', '-f', '--filename', '-k', '--kustomize', '--socket'],
  ...['-L', '--label-columns', '--field-selector', '--sort-by', '-p', '--patch', '--type', '--for', '--timeout'],
  ...['-s', '--server', '--context', '--kubeconfig', '--cluster', '--user', '--token', '--as', '--request-timeout'],
]);

/** The program's own, which end it. */
const ENDING = new Set(['-h', '--help', '-V', '--version', '--']);

/** The number of words before the command: flags with their values. */
export function leadingFlags(args: readonly string[]): number {
  let count = 0;
  for (let word = args[0]; word?.startsWith('-'); word = args[count]) {
    if (ENDING.has(word)) return 0;
    count += VALUED.has(word) ? 2 : 1;
  }
  return count;
}

/** Flags may be before those below them, too. */
const WITH_COMMANDS_BELOW = new Set(['create', 'secret', 'pod', 'config']);

/** As with kubectl, flags may be before the command. Commander reads those of a command only behind it. */
export function commandFirst(args: readonly string[]): readonly string[] {
  const flags = leadingFlags(args);
  const [command, ...behind] = args.slice(flags);
  if (command === undefined) return args;
  const rest = [command, ...(WITH_COMMANDS_BELOW.has(command) ? commandFirst(behind) : behind)];
  const firstFlag = rest.findIndex((word) => word.startsWith('-'));
  return rest.toSpliced(firstFlag < 0 ? rest.length : firstFlag, 0, ...args.slice(0, flags));
}

import type { Command } from 'commander';
import { INVOLVED_KINDS } from '../../objects/event.ts';
import { type Cli, namespaceOption, outputOption, withExamples } from '../define-command.ts';
import { wrongUsage } from '../exit.ts';
import { KIND_NAMES } from '../kinds.ts';
import { type EventQuery, type EventView, showEvents } from '../objects/show-events.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly namespace?: string;
  readonly allNamespaces: boolean;
  readonly for?: string;
  readonly types?: string;
  readonly watch: boolean;
  /** As commander has it: false for --no-headers. */
  readonly headers: boolean;
  readonly output?: 'yaml' | 'json' | 'name' | 'wide';
};

const TYPES = ['Normal', 'Warning'];

/** `lantern events`: what was noteworthy within the last hour. `lantern get events` shows the same. */
export function eventsCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern events', 'lantern events --for pod/web --types Warning', 'lantern events -A --watch'])
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'events of every namespace', false)
    .option('--for <KIND/NAME>', 'only events about this object, e.g. pod/web or volume/ID')
    .option('--types <TYPES>', 'only events of these types: Normal, Warning')
    .option('-w, --watch', 'then show each event that happens, until interrupted', false)
    .option('--no-headers', 'tables without headings')
    .addOption(outputOption('yaml', 'json', 'name', 'wide'))
    .action(async (options: Options) => {
      const namespace = options.allNamespaces ? '' : (options.namespace ?? 'default');
      const view: EventView = {
        query: { namespace, ...parseInvolved(options.for) },
        types: parseTypes(options.types),
        watch: options.watch,
        output: options.output,
        withHeadings: options.headers,
      };
      await withDaemon(cli, command, (daemon) => showEvents(cli, daemon, view));
    });
}

function parseInvolved(text: string | undefined): Pick<EventQuery, 'involvedKind' | 'involvedName'> {
  if (text === undefined) return { involvedKind: '', involvedName: '' };
  // A volume's id may have slashes of its own.
  const [, word = '', name] = /^([^/]+)\/(.+)$/s.exec(text) ?? [];
  if (name === undefined) throw wrongUsage(`--for: "${text}" must be KIND/NAME`);
  const kind = INVOLVED_KINDS.find((candidate) => wordsFor(candidate).includes(word.toLowerCase()));
  if (kind !== undefined) return { involvedKind: kind, involvedName: name };
  const known = INVOLVED_KINDS.map((candidate) => candidate.toLowerCase()).join(', ');
  throw wrongUsage(`--for: no events are about a "${word}"; known are ${known}`);
}

function wordsFor(kind: (typeof INVOLVED_KINDS)[number]): readonly (string | undefined)[] {
  const short = kind === 'Pod' ? 'po' : KIND_NAMES.find((name) => name.kind === kind)?.short;
  return [kind.toLowerCase(), `${kind.toLowerCase()}s`, short];
}

function parseTypes(text: string | undefined): ReadonlySet<string> | undefined {
  if (text === undefined) return undefined;
  const types = text.split(',').map((word) => {
    const type = TYPES.find((known) => known.toLowerCase() === word.trim().toLowerCase());
    if (type === undefined) throw wrongUsage(`--types: there is no type "${word}"; known are ${TYPES.join(', ')}`);
    return type;
  });
  return new Set(types);
}

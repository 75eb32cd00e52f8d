import { type Command, Option } from 'commander';
import { INVOLVED_KINDS } from '../../objects/event.ts';
import { type Cli, withExamples } from '../command.ts';
import { wrongUsage } from '../exit.ts';
import { KIND_NAMES } from '../kinds.ts';
import { type EventQuery, type EventView, showEvents } from '../objects/show-events.ts';
import { type NamespaceOptions, namespaceOption, outputOption } from '../options.ts';
import { eventType } from '../output/events-table.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = NamespaceOptions & {
  readonly allNamespaces: boolean;
  readonly for?: string;
  readonly types?: ReadonlySet<string>;
  readonly watch: boolean;
  /** Commander sets it to false for --no-headers. */
  readonly headers: boolean;
  readonly output?: 'yaml' | 'json' | 'name' | 'wide';
};

const TYPES = ['Normal', 'Warning'];

/** `lantern get events` prints the same. */
export function eventsCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern events', 'lantern events --for pod/web --types Warning', 'lantern events -A --watch'])
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'list events in all namespaces', false)
    .option('--for <KIND/NAME>', 'list only events about this object, such as pod/web or volume/ID')
    .addOption(new Option('--types <TYPES>', 'list only events of these types').choices(TYPES).argParser(parseTypes))
    .option('-w, --watch', 'after listing, watch for events until interrupted', false)
    .option('--no-headers', 'do not print headings')
    .addOption(outputOption('yaml', 'json', 'name', 'wide'))
    .action(async (options: Options) => {
      const namespace = options.allNamespaces ? '' : options.currentNamespace;
      const view: EventView = {
        query: { namespace, ...parseInvolved(options.for) },
        isSelected: (event) => options.types === undefined || options.types.has(eventType(event)),
        watch: options.watch,
        output: options.output,
        withHeadings: options.headers,
      };
      await withDaemon(cli, command, (daemon) => showEvents(cli, daemon, view));
    });
}

function parseInvolved(text: string | undefined): Pick<EventQuery, 'involvedKind' | 'involvedName'> {
  if (text === undefined) return { involvedKind: '', involvedName: '' };
  // A volume's id may contain slashes.
  const [, word = '', name] = /^([^/]+)\/(.+)$/s.exec(text) ?? [];
  if (name === undefined) throw wrongUsage(`--for: "${text}" must be KIND/NAME`);
  const kind = INVOLVED_KINDS.find((candidate) => wordsFor(candidate).includes(word.toLowerCase()));
  if (kind !== undefined) return { involvedKind: kind, involvedName: name };
  const known = INVOLVED_KINDS.map((candidate) => candidate.toLowerCase()).join(', ');
  throw wrongUsage(`--for: there are no events about "${word}"; use one of ${known}`);
}

function wordsFor(kind: (typeof INVOLVED_KINDS)[number]): readonly (string | undefined)[] {
  const short = kind === 'Pod' ? 'po' : KIND_NAMES.find((name) => name.kind === kind)?.short;
  return [kind.toLowerCase(), `${kind.toLowerCase()}s`, short];
}

/** Separated by commas. */
function parseTypes(text: string): ReadonlySet<string> {
  const types = text.split(',').map((word) => {
    const type = TYPES.find((known) => known.toLowerCase() === word.trim().toLowerCase());
    if (type === undefined) throw wrongUsage(`--types: there is no type "${word}"; use ${TYPES.join(' or ')}`);
    return type;
  });
  return new Set(types);
}

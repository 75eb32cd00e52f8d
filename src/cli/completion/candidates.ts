import { type Argument, type Command, Option } from 'commander';
import { EVENTS_NAME, KIND_NAMES, type KindName, kindNamed } from '../kinds.ts';
import { collect, commandFirst, leadingFlags } from '../options.ts';
import { takesValue } from '../pflag-command.ts';
import { type CommandLine, givenValue, type Load, optionsOf, readCommandLine, unnamedBelow } from './command-line.ts';

export type Candidate = {
  /** In place of the whole word, not quoted. */
  readonly value: string;
  /** One line; may be empty. */
  readonly help: string;
};

/** The shell offers these itself, if no candidate fits. */
export type Fallback = 'none' | 'files' | 'directories' | 'commands';

export type Completion = {
  readonly candidates: readonly Candidate[];
  readonly fallback: Fallback;
  /** Characters of the word before the part that the fallback completes, as in `--filename=`. */
  readonly offset: number;
  /** True if every candidate is only the beginning of a word. */
  readonly isOpen: boolean;
};

/** The names that a daemon knows. An empty namespace means all. */
export type KnownNames = {
  /** That of a command without --namespace. */
  readonly currentNamespace: string;
  objects(kind: KindName, namespace: string): Promise<readonly string[]>;
  namespaces(): Promise<readonly string[]>;
  volumes(namespace: string): Promise<readonly string[]>;
  /** Paths where volumes are mounted. */
  targets(namespace: string): Promise<readonly string[]>;
  pods(namespace: string): Promise<readonly string[]>;
  /** Paths where pods are mounted. */
  roots(namespace: string): Promise<readonly string[]>;
};

type Values = {
  readonly candidates: readonly Candidate[];
  readonly fallback: Fallback;
  readonly isOpen?: boolean;
};

const NOTHING: Values = { candidates: [], fallback: 'none' };

/** Completes the last word. Some candidates may not begin with it: the shell has rules of its own. */
export async function complete(
  program: Command,
  words: readonly string[],
  connect: (line: CommandLine) => KnownNames,
  load: Load,
): Promise<Completion> {
  const before = words.slice(0, -1);
  const line =
    leadingFlags(before) < before.length
      ? await readCommandLine(program, commandFirst(before), load)
      : await readLeadingFlags(program, before, load);
  const word = words.at(-1) ?? '';
  const names = connect(line);
  const attached = line.pending === undefined && !line.isPastOptions ? attachedValue(line.command, word) : undefined;
  if (attached !== undefined) {
    const { option, start } = attached;
    return shifted(await valuesOfOption(option, line, word.slice(start), names), word.slice(0, start));
  }
  if (line.pending !== undefined && !(line.pending.optional && word.startsWith('-'))) {
    return shifted(await valuesOfOption(line.pending, line, word, names), '');
  }
  if (!line.isPastOptions && word.startsWith('-')) return shifted(flagsOf(line), '');
  return shifted(await operandsOf(program, line, word, names, load), '');
}

/** Flags of a command may be before it. Its name is not known yet, and those of `get` are the usual ones. */
async function readLeadingFlags(program: Command, words: readonly string[], load: Load): Promise<CommandLine> {
  const get = program.commands.find((command) => command.name() === 'get');
  if (get !== undefined) await load(get);
  for (const option of get?.options ?? []) {
    // Of no use without the command, unlike the namespace.
    program.addOption(option.long === '--namespace' ? option : option.hideHelp());
  }
  const line = await readCommandLine(program, words, load);
  const pending = leadingFlags(words) > words.length ? (line.pending ?? VALUE_OF_ANOTHER) : undefined;
  return { ...line, command: program, operands: [], pending };
}

const VALUE_OF_ANOTHER = new Option('--another <TEXT>');

function shifted({ candidates, fallback, isOpen = false }: Values, prefix: string): Completion {
  const whole = candidates.map(({ value, help }) => ({ value: prefix + value, help }));
  return { candidates: whole, fallback, offset: prefix.length, isOpen };
}

/** For `--flag=VALUE`, `-fVALUE` and `-f=VALUE`. */
function attachedValue(
  command: Command,
  word: string,
): { readonly option: Option; readonly start: number } | undefined {
  const [, flag = '', sign = ''] = /^(--[^=]+|-[A-Za-z])(=?)/.exec(word) ?? [];
  const start = flag.length + sign.length;
  const isLong = flag.startsWith('--');
  if (flag === '' || (isLong ? sign === '' : word.length === 2)) return undefined;
  const option = optionsOf(command).find(({ long, short }) => (isLong ? long : short) === flag);
  return option !== undefined && takesValue(option) ? { option, start } : undefined;
}

/** Flags that are already given are left out, unless they can be repeated. */
function flagsOf({ command, options }: CommandLine): Values {
  const help = command.createHelp();
  const unnamed = unnamedBelow(command)?.options ?? [];
  const visible = [...help.visibleOptions(command), ...unnamed, ...help.visibleGlobalOptions(command)];
  const left = visible.filter((option) => !options.has(option) || Object.is(option.parseArg, collect));
  const flags = left.flatMap(({ short, long, description }) =>
    [long, short].flatMap((flag) => (flag === undefined ? [] : [{ value: flag, help: description }])),
  );
  return { candidates: flags, fallback: 'none' };
}

/** The name of the value in the help, without brackets. */
function placeholderOf({ flags }: Option): string {
  return /[<[](.+)[>\]]$/s.exec(flags)?.[1] ?? '';
}

function valuesOfOption(option: Option, line: CommandLine, word: string, names: KnownNames): Promise<Values> | Values {
  const placeholder = placeholderOf(option);
  // As in `serve --store <memory|embedded|etcd>`.
  const choices = option.argChoices ?? (/^[a-z]+(\|[a-z]+)+$/.test(placeholder) ? placeholder.split('|') : undefined);
  if (choices !== undefined) return listOf(choices);
  if (option.long === '--namespace') return named(names.namespaces(), 'namespace');
  if (placeholder === 'NAME') {
    const kind = kindNamed(option.long?.replaceAll('-', '') ?? '');
    return kind === undefined ? NOTHING : named(names.objects(kind, namespaceOf(line, names)), kind.kind);
  }
  return valuesFor(placeholder, line, word, names);
}

/** A choice such as `jsonpath=TEMPLATE` is completed up to the part that the user invents. */
function listOf(choices: readonly string[]): Values {
  const words = choices.map((choice) => choice.replace(/(?<==)[A-Z]+$/, ''));
  return { candidates: words.map((value) => ({ value, help: '' })), fallback: 'none' };
}

async function operandsOf(
  program: Command,
  line: CommandLine,
  word: string,
  names: KnownNames,
  load: Load,
): Promise<Values> {
  const { command, operands } = line;
  if (command.name() === 'help' && command.parent === program) {
    const { command: subject, operands: rest } = await readCommandLine(program, operands, load);
    return rest.length === 0 ? commandsBelow(subject) : NOTHING;
  }
  if (command.commands.length > 0) return operands.length === 0 ? commandsBelow(command) : NOTHING;
  const argument = argumentAt(command, operands.length);
  if (argument === undefined) return NOTHING;
  if (argument.argChoices !== undefined) return listOf(argument.argChoices);
  // A mount makes the place that it names.
  if (command.name() === 'mount') return { candidates: [], fallback: 'directories' };
  return without(operands, await valuesFor(argument.name(), line, word, names, argument));
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic ? last : undefined);
}

function commandsBelow(command: Command): Values {
  const visible = command.createHelp().visibleCommands(command);
  return {
    candidates: visible.map((child) => ({ value: child.name(), help: child.summary() || child.description() })),
    fallback: 'none',
  };
}

/** Nothing needs to be named twice. */
function without(given: readonly string[], { candidates, ...rest }: Values): Values {
  return { ...rest, candidates: candidates.filter(({ value }) => !given.includes(value)) };
}

/** By the placeholder in the help, whose alternatives are separated by bars. */
async function valuesFor(
  placeholder: string,
  line: CommandLine,
  word: string,
  names: KnownNames,
  argument?: Argument,
): Promise<Values> {
  if (argument !== undefined && placeholder.startsWith('KIND')) return await selected(line, word, names, argument);
  if (placeholder === 'KIND/NAME') return await involved(line, word, names);
  const lists = placeholder.split('|').map(async (alternative): Promise<Values> => {
    const kind = kindNamed(alternative);
    if (kind !== undefined) return await named(names.objects(kind, namespaceOf(line, names)), kind.kind);
    const inAll = givenValue(line, '--namespace') ?? '';
    switch (alternative.replace(/^\[?KEY=\]?/, '')) {
      case 'VOLUME':
      case 'ID':
        return await named(names.volumes(inAll), 'volume');
      case 'TARGET':
        return await named(names.targets(inAll), 'target', 'directories');
      case 'POD':
        return await named(names.pods(namespaceOf(line, names)), 'pod');
      case 'ROOT':
        return await named(names.roots(inAll), 'root', 'directories');
      case 'FILE':
      case 'PATH':
        return { candidates: [], fallback: 'files' };
      case 'DIR':
        return { candidates: [], fallback: 'directories' };
      case 'VALUE':
        return await valueOfSetting(line, names);
      case 'COMMAND':
        return { candidates: [], fallback: line.operands.length === 0 ? 'commands' : 'files' };
      default:
        return NOTHING;
    }
  });
  const values = await Promise.all(lists);
  const fallbacks = values.map(({ fallback }) => fallback);
  const fallback = fallbacks.includes('files') ? 'files' : (fallbacks.find((one) => one !== 'none') ?? 'none');
  return { candidates: values.flatMap(({ candidates }) => candidates), fallback };
}

/** Of `config set`. */
async function valueOfSetting({ operands: [setting] }: CommandLine, names: KnownNames): Promise<Values> {
  if (setting === 'socket') return { candidates: [], fallback: 'files' };
  return setting === 'namespace' ? await named(names.namespaces(), 'namespace') : NOTHING;
}

/** Completes KIND[,KIND...] [NAME...] and KIND/NAME. */
async function selected(line: CommandLine, word: string, names: KnownNames, argument: Argument): Promise<Values> {
  const [first] = line.operands;
  const [, before = ''] = /^(.*[/,])?/s.exec(word) ?? [];
  const kindsBefore = (text: string) => text.split(',').flatMap((one) => kindNamed(one) ?? []);
  if (first === VOLUME) return await named(names.volumes(''), VOLUME);
  if (first !== undefined && !first.includes('/')) {
    const lists = kindsBefore(first).map((kind) => named(names.objects(kind, namespaceOf(line, names)), kind.kind));
    return { candidates: (await Promise.all(lists)).flatMap(({ candidates }) => candidates), fallback: 'none' };
  }
  if (before.endsWith('/')) {
    const kind = kindNamed(before.slice(0, -1));
    return kind === undefined
      ? NOTHING
      : prefixed(before, await named(names.objects(kind, namespaceOf(line, names)), kind.kind));
  }
  if (first !== undefined) return { ...prefixed('', kindWords(KIND_NAMES, '/')), isOpen: true };
  // Events have no names, and cannot be listed together with objects.
  const isWithEvents = before === '' && argument.description.includes(EVENTS_NAME.plural);
  const kinds = kindWords(isWithEvents ? [...KIND_NAMES, EVENTS_NAME] : KIND_NAMES);
  const others = before === '' ? (WITH_KINDS.exec(argument.description) ?? []) : [];
  const more = others.map((value) => ({ value, help: '' }));
  return prefixed(before, { ...kinds, candidates: [...kinds.candidates, ...more] });
}

const VOLUME = 'volume';
/** Words that the help of an argument names before the kinds. */
const WITH_KINDS = /^(?:all|volume)(?=, )/;

/** Completes `--for KIND/NAME`, where pods and volumes count as objects. */
async function involved(line: CommandLine, word: string, names: KnownNames): Promise<Values> {
  const [, before] = /^([^/]*)\//s.exec(word) ?? [];
  if (before === undefined) {
    const words = [
      ...['pod', 'volume'].map((value) => ({ value: `${value}/`, help: '' })),
      ...kindWords(KIND_NAMES, '/').candidates,
    ];
    return { candidates: words, fallback: 'none', isOpen: true };
  }
  const kind = kindNamed(before);
  if (kind !== undefined)
    return prefixed(`${before}/`, await named(names.objects(kind, namespaceOf(line, names)), kind.kind));
  return prefixed(`${before}/`, await valuesFor(before.replace(/s$/, '').toUpperCase(), line, word, names));
}

function kindWords(kinds: readonly Omit<KindName, 'kind'>[], end = ''): Values {
  const candidates = kinds.flatMap(({ singular, plural, short }) => {
    const words = end === '' ? new Set([plural, singular, short]) : new Set([singular]);
    return [...words].flatMap((word) => (word === undefined ? [] : [{ value: word + end, help: plural }]));
  });
  return { candidates, fallback: 'none' };
}

function prefixed(prefix: string, { candidates, ...rest }: Values): Values {
  return { ...rest, candidates: candidates.map(({ value, help }) => ({ value: prefix + value, help })) };
}

async function named(names: Promise<readonly string[]>, help: string, fallback: Fallback = 'none'): Promise<Values> {
  return { candidates: (await names).map((value) => ({ value, help })), fallback };
}

function namespaceOf(line: CommandLine, { currentNamespace }: KnownNames): string {
  const isInAll = [...line.options.keys()].some(({ long }) => long === '--all-namespaces');
  return isInAll ? '' : (givenValue(line, '--namespace') ?? currentNamespace);
}

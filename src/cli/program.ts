import { type Command, type CommanderError, Help, type Option } from 'commander';
import { type Cli, withExamples } from './command.ts';
import type { RunDaemon } from './commands/serve.ts';
import type { Load } from './completion/command-line.ts';
import { type Ending, endingOf, wrongUsage } from './exit.ts';
import { CURRENT, commandFirst, type NamespaceOptions } from './options.ts';
import { PflagCommand } from './pflag-command.ts';
import { settingOf } from './settings.ts';

export type Host = { readonly version: string; readonly runDaemon: RunDaemon };

/** Adds the rest to a command that has its name and summary. */
type Complete = (command: Command, cli: Cli, host: Host) => void;

type Row = readonly [name: string, summary: string, load: () => Promise<Complete>];

/** In the order of the help. Only the named command is loaded: `get` must not wait for the modules of `apply`. */
const GROUPS: Readonly<Record<string, readonly Row[]>> = {
  Objects: [
    [
      'get',
      'Display objects. Values are shown only with -o yaml, json or jsonpath.',
      async () => (await import('./commands/get.ts')).getCommand,
    ],
    [
      'describe',
      'Show details of objects. Of Secrets it shows sizes, not values.',
      async () => (await import('./commands/describe.ts')).describeCommand,
    ],
    [
      'create',
      'Create objects from manifests or from values, or request a token.',
      async () => (await import('./commands/create.ts')).createCommand,
    ],
    [
      'apply',
      'Create or update objects from manifests or a kustomization.',
      async () => (await import('./commands/apply.ts')).applyCommand,
    ],
    [
      'diff',
      'Show which keys of objects an apply would change.',
      async () => (await import('./commands/diff.ts')).diffCommand,
    ],
    [
      'edit',
      'Edit an object in $KUBE_EDITOR, $VISUAL or $EDITOR (default: vi).',
      async () => (await import('./commands/edit.ts')).editCommand,
    ],
    [
      'patch',
      'Change fields of an object with a merge patch or a JSON patch.',
      async () => (await import('./commands/patch.ts')).patchCommand,
    ],
    ['label', 'Set or remove labels of objects.', async () => (await import('./commands/label.ts')).labelCommand],
    [
      'annotate',
      'Set or remove annotations of objects.',
      async () => (await import('./commands/label.ts')).annotateCommand,
    ],
    [
      'replace',
      'Replace objects that exist with manifests.',
      async () => (await import('./commands/replace.ts')).replaceCommand,
    ],
    [
      'delete',
      'Delete objects by name, by label selector or by manifest.',
      async () => (await import('./commands/delete.ts')).deleteCommand,
    ],
    [
      'kustomize',
      'Build a kustomization and print its manifests, values included.',
      async () => (await import('./commands/kustomize.ts')).kustomizeCommand,
    ],
    [
      'wait',
      'Wait until objects or volumes are created, deleted, or in a condition.',
      async () => (await import('./commands/wait.ts')).waitCommand,
    ],
    [
      'api-resources',
      'List the kinds of objects.',
      async () => (await import('./commands/api-resources.ts')).apiResourcesCommand,
    ],
  ],
  Volumes: [
    ['mount', 'Mount a volume at a target path.', async () => (await import('./commands/mount.ts')).mountCommand],
    [
      'unmount',
      'Unmount volumes from targets, or one volume from all of its targets.',
      async () => (await import('./commands/unmount.ts')).unmountCommand,
    ],
    [
      'volumes',
      'List mounted volumes with their content and state.',
      async () => (await import('./commands/volumes.ts')).volumesCommand,
    ],
    [
      'volume',
      'Show one volume: files, targets, revisions, last error.',
      async () => (await import('./commands/volumes.ts')).volumeCommand,
    ],
    [
      'refresh',
      'Update volumes now, and report which of them changed.',
      async () => (await import('./commands/refresh.ts')).refreshCommand,
    ],
    [
      'render',
      'Show the files of a volume without mounting it.',
      async () => (await import('./commands/render.ts')).renderCommand,
    ],
  ],
  Pods: [
    [
      'pod',
      'Mount all volumes of a pod for all its containers, as a kubelet does.',
      async () => (await import('./commands/pod.ts')).podCommand,
    ],
    [
      'env',
      "Print the environment variables of a pod's container, values included.",
      async () => (await import('./commands/env.ts')).envCommand,
    ],
    [
      'exec',
      "Run a command with the variables and volumes of a pod's container.",
      async () => (await import('./commands/exec.ts')).execCommand,
    ],
    [
      'registry-auth',
      'Print the credentials for pulling an image, as a docker configuration.',
      async () => (await import('./commands/registry-auth.ts')).registryAuthCommand,
    ],
  ],
  Events: [
    [
      'watch',
      'Print a line for each change of a volume, until interrupted.',
      async () => (await import('./commands/watch.ts')).watchCommand,
    ],
    [
      'events',
      'List recent events: waiting mounts, updates, skipped values.',
      async () => (await import('./commands/events.ts')).eventsCommand,
    ],
    [
      'page',
      'Print an address that opens the live page of volumes and events in a browser.',
      async () => (await import('./commands/page.ts')).pageCommand,
    ],
  ],
  Daemon: [
    ['serve', 'Run the daemon in the foreground.', async () => (await import('./commands/serve.ts')).serveCommand],
    [
      'health',
      'Check whether the daemon serves. Exits with 0 if it does, else with 1.',
      async () => (await import('./commands/health.ts')).healthCommand,
    ],
    [
      'doctor',
      'Check whether this machine can run the daemon, and suggest fixes.',
      async () => (await import('./commands/doctor.ts')).doctorCommand,
    ],
    [
      'jwks',
      "Print the public keys that verify the daemon's tokens.",
      async () => (await import('./commands/signing-keys.ts')).jwksCommand,
    ],
    [
      'rotate-signing-key',
      'Sign tokens with a new key. Tokens signed before stay valid until they expire.',
      async () => (await import('./commands/signing-keys.ts')).rotateSigningKeyCommand,
    ],
  ],
  Store: [
    [
      'export',
      'Write all objects of all namespaces to one encrypted archive.',
      async () => (await import('./commands/export.ts')).exportCommand,
    ],
    [
      'import',
      'Store all objects of an archive that "lantern export" wrote.',
      async () => (await import('./commands/import.ts')).importCommand,
    ],
    [
      'backup',
      "Back up a stopped daemon's store to one encrypted file.",
      async () => (await import('./commands/backup.ts')).backupCommand,
    ],
    [
      'restore',
      "Replace a stopped daemon's store with a backup. The old store is kept beside it.",
      async () => (await import('./commands/backup.ts')).restoreCommand,
    ],
    [
      'rekey',
      'Encrypt a store again, with the first of the given keys.',
      async () => (await import('./commands/rekey.ts')).rekeyCommand,
    ],
  ],
  Settings: [
    [
      'config',
      'Keep the namespace and the socket that commands use, or show them.',
      async () => (await import('./commands/config.ts')).configCommand,
    ],
    [
      'completion',
      'Print a script that completes command lines in a shell.',
      async () => (await import('./commands/completion.ts')).completionCommand,
    ],
    [
      'version',
      'Print the versions of the client and of the daemon.',
      async () => (await import('./commands/version.ts')).versionCommand,
    ],
  ],
};

/** Runs a command line. The caller prints the message. */
export async function runProgram(cli: Cli, host: Host, args: readonly string[]): Promise<Ending> {
  const words = commandFirst(args);
  try {
    await createProgram(cli, host, commandNamed(words[0])).parseAsync(words, { from: 'user' });
    return { exitCode: 0, message: undefined };
  } catch (error) {
    const ending = endingOf(error, cli.signal.aborted);
    if (ending.exitCode !== 2 || ending.message === undefined) return ending;
    const { adviceFor } = await import('./habits.ts');
    return { ...ending, message: adviceFor(words) ?? ending.message };
  }
}

function commandNamed(word: string | undefined): string | undefined {
  const row = Object.values(GROUPS)
    .flat()
    .find(([name]) => name === word);
  return row?.[0];
}

/**
 * Ready for `parseAsync`. Throws instead of ending the process (see `endingOf`). With `only`, it has no other command:
 * making all of them takes longer than most commands.
 */
export function createProgram(cli: Cli, host: Host, only?: string): Command {
  const program = new PflagCommand('lantern')
    .description('Secrets, ConfigMaps and pod facts as files in memory, kept up to date.')
    .version(host.version)
    .option('--socket <PATH>', `the daemon's socket ${CURRENT}; environment: LANTERN_SOCKET`)
    .configureHelp({ showGlobalOptions: true, optionDescription })
    .configureOutput({
      writeOut: (text) => cli.terminal.print(text.trimEnd()),
      writeErr: (text) => cli.terminal.complain(text.trimEnd()),
      // `endingOf` and its caller print errors, with the exit code.
      outputError: () => {},
    })
    .exitOverride(pointToHelp('lantern'));
  withExamples(program, [
    'lantern serve &',
    'lantern apply -f secret.yaml',
    'lantern mount --secret mysecret /dev/shm/app-secrets',
  ]);
  const rest = new Map<Command, () => Promise<void>>();
  for (const [heading, rows] of Object.entries(GROUPS)) {
    program.commandsGroup(`${heading}:`);
    for (const [name, summary, load] of rows) {
      if (only !== undefined && name !== only) continue;
      const command = program
        .command(name)
        .description(summary)
        .exitOverride(pointToHelp(`lantern ${name}`));
      rest.set(command, async () => {
        (await load())(command, cli, host);
        for (const child of command.commands) settle(child, command, `lantern ${name} ${child.name()}`);
      });
    }
  }
  const load: Load = async (command) => {
    const complete = rest.get(command);
    rest.delete(command);
    await complete?.();
  };
  loaders.set(program, load);
  // Commander's own help command would show a command that is not loaded yet.
  const help = program.command('help').argument('[COMMAND...]').description('Show the help of a command.');
  help.exitOverride(pointToHelp('lantern')).action(async ([name, ...below]: readonly string[]) => {
    const command = program.commands.find((one) => one.name() === name);
    if (command === undefined) return program.help({ error: name !== undefined });
    await load(command);
    const child = (at: Command, word: string): Command => at.commands.find((one) => one.name() === word) ?? at;
    return below.reduce(child, command).help();
  });
  // For the scripts of `lantern completion`.
  const completer = program
    .command('__complete', { hidden: true })
    .argument('<SHELL>')
    .argument(`[${ANOTHER_PROGRAM}...]`);
  completer.exitOverride(pointToHelp('lantern')).action(async (shell: string, words: readonly string[]) => {
    const { printCompletions } = await import('./completion/print-completions.ts');
    await printCompletions(cli, program, { shell, words, load });
  });
  program.hook('preSubcommand', async (_, command) => await load(command));
  // The daemon's configuration reports all of its faults at once, including these.
  program.hook('preAction', (_, command) => {
    if (command.name() === 'serve') return;
    refuseEmpty(command);
    if (command.options.some(({ long }) => long === '--namespace')) {
      const given: unknown = command.getOptionValue('namespace');
      const { value } = settingOf(cli, 'namespace', typeof given === 'string' ? given : undefined);
      command.setOptionValue('currentNamespace' satisfies keyof NamespaceOptions, value);
    }
  });
  return program;
}

const loaders = new WeakMap<Command, Load>();

/** Loads all commands of a program, for what describes them. */
export async function loadAll(program: Command): Promise<void> {
  for (const command of program.commands) await loaders.get(program)?.(command);
}

/** Omits that a flag is off by default. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: false\)$/, '');
}

/** Passes settings on to all commands below. */
function settle(command: Command, parent: Command, path: string): void {
  command.copyInheritedSettings(parent).exitOverride(pointToHelp(path));
  for (const child of command.commands) settle(child, command, `${path} ${child.name()}`);
}

/** Adds a pointer to the help to commander's own errors. */
function pointToHelp(command: string): (error: CommanderError) => never {
  return (error) => {
    if (error.exitCode === 0 || error.code === 'commander.help') throw error;
    const message = error.message
      .replace(/^error: /, '')
      .replaceAll('\n', ' ')
      .replace(/\.$/, '')
      .replace(/^command-argument value ('.*?') is invalid for argument '(\w+)'/, '$2 cannot be $1');
    throw wrongUsage(`${message}; see "${command} --help"`);
  };
}

/** Options for which empty means the same as absent, and is often written so. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['--docker-email']);

/** The words of a program to run: an empty one may mean something to it. */
const ANOTHER_PROGRAM = 'COMMAND';

/** The usual cause is an unset variable: the command would act on another namespace, or on every object. */
function refuseEmpty(command: Command): void {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const option of at.options) {
      const given: unknown = at.getOptionValue(option.attributeName());
      const isEmpty = given === '' || (Array.isArray(given) && given.includes(''));
      if (isEmpty && option.long !== undefined && !MAY_BE_EMPTY.has(option.long)) {
        throw wrongUsage(`${option.long} must not be empty; leave it out, or set the variable that it comes from`);
      }
    }
  }
  for (const [index, argument] of command.registeredArguments.entries()) {
    const given = command.args.slice(index, argument.variadic ? undefined : index + 1);
    if (!given.includes('') || argument.name() === ANOTHER_PROGRAM) continue;
    throw wrongUsage(`<${argument.name()}> must not be empty; set the variable that it comes from`);
  }
}

import { Command, type CommanderError } from 'commander';
import { applyCommand } from './commands/apply.ts';
import { backupCommand, restoreCommand } from './commands/backup.ts';
import { createCommand } from './commands/create.ts';
import { deleteCommand } from './commands/delete.ts';
import { describeCommand } from './commands/describe.ts';
import { doctorCommand } from './commands/doctor.ts';
import { editCommand } from './commands/edit.ts';
import { envCommand } from './commands/env.ts';
import { eventsCommand } from './commands/events.ts';
import { execCommand } from './commands/exec.ts';
import { exportCommand } from './commands/export.ts';
import { getCommand } from './commands/get.ts';
import { healthCommand } from './commands/health.ts';
import { importCommand } from './commands/import.ts';
import { kustomizeCommand } from './commands/kustomize.ts';
import { mountCommand } from './commands/mount.ts';
import { podCommand } from './commands/pod.ts';
import { refreshCommand } from './commands/refresh.ts';
import { registryAuthCommand } from './commands/registry-auth.ts';
import { rekeyCommand } from './commands/rekey.ts';
import { renderCommand } from './commands/render.ts';
import { type RunDaemon, serveCommand } from './commands/serve.ts';
import { jwksCommand, rotateSigningKeyCommand } from './commands/signing-keys.ts';
import { unmountCommand } from './commands/unmount.ts';
import { versionCommand } from './commands/version.ts';
import { volumeCommand, volumesCommand } from './commands/volumes.ts';
import { watchCommand } from './commands/watch.ts';
import type { Cli } from './define-command.ts';
import { wrongUsage } from './exit.ts';

/** Every command, in the order of the help. */
const COMMANDS: readonly ((cli: Cli) => Command)[] = [
  applyCommand,
  createCommand,
  getCommand,
  describeCommand,
  editCommand,
  deleteCommand,
  kustomizeCommand,
  mountCommand,
  unmountCommand,
  volumesCommand,
  volumeCommand,
  refreshCommand,
  renderCommand,
  podCommand,
  envCommand,
  execCommand,
  registryAuthCommand,
  jwksCommand,
  rotateSigningKeyCommand,
  watchCommand,
  eventsCommand,
  backupCommand,
  restoreCommand,
  rekeyCommand,
  exportCommand,
  importCommand,
  healthCommand,
  doctorCommand,
];

/** `lantern`, ready for `parseAsync`; it throws instead of ending the process (see `endingOf`). */
export function createProgram(cli: Cli, version: string, runDaemon: RunDaemon): Command {
  const program = new Command('lantern')
    .description('Secrets, ConfigMaps and pod facts as files in memory, kept fresh.')
    .version(version)
    .option('--socket <PATH>', "the daemon's socket (default: RUN-DIR/lantern.sock, environment: LANTERN_SOCKET)")
    .configureHelp({ showGlobalOptions: true })
    // Errors are printed in one place, with the exit code: `endingOf` and its caller.
    .configureOutput({ outputError: () => {} })
    .exitOverride(pointToHelp('lantern'))
    .addHelpText(
      'after',
      '\nExample:\n  $ lantern serve &\n  $ lantern apply -f secret.yaml\n  $ lantern mount --secret mysecret /dev/shm/app-secrets',
    );
  // The daemon's configuration tells all its faults at once, these among them.
  program.hook('preAction', (_, command) => void (command.name() === 'serve' || refuseEmpty(command)));
  const own = [serveCommand(cli, runDaemon), ...COMMANDS.map((define) => define(cli)), versionCommand(cli, version)];
  for (const command of own) {
    program.addCommand(command);
    settle(command, program, `lantern ${command.name()}`);
  }
  return program;
}

/** Hands the program's settings on to a command and to those below it. */
function settle(command: Command, parent: Command, path: string): void {
  command.copyInheritedSettings(parent).exitOverride(pointToHelp(path));
  for (const child of command.commands) settle(child, command, `${path} ${child.name()}`);
}

/** Commander's own refusals say what is wrong; this adds where to read on. */
function pointToHelp(command: string): (error: CommanderError) => never {
  return (error) => {
    if (error.exitCode === 0 || error.code === 'commander.help') throw error;
    const message = error.message
      .replace(/^error: /, '')
      .replaceAll('\n', ' ')
      .replace(/\.$/, '');
    throw wrongUsage(`${message}; see "${command} --help"`);
  };
}

/** What means the same empty as left out, and is often written so. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['--docker-email']);

/** Words of a program that is run: empty ones may mean something to it. */
const ANOTHER_PROGRAM = 'COMMAND';

/**
 * Refuses options and arguments that are given, but empty: mostly that is a variable nobody has set, and what is left
 * would be about something else than was meant (another namespace, every object, a registry without a name).
 */
function refuseEmpty(command: Command): void {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const option of at.options) {
      const given: unknown = at.getOptionValue(option.attributeName());
      const isEmpty = given === '' || (Array.isArray(given) && given.includes(''));
      if (isEmpty && option.long !== undefined && !MAY_BE_EMPTY.has(option.long)) {
        throw wrongUsage(
          `${option.long} must not be empty; leave it out, or set the variable that it was to come from`,
        );
      }
    }
  }
  for (const [index, argument] of command.registeredArguments.entries()) {
    const given = command.args.slice(index, argument.variadic ? undefined : index + 1);
    if (!given.includes('') || argument.name() === ANOTHER_PROGRAM) continue;
    throw wrongUsage(`<${argument.name()}> must not be empty; set the variable that it was to come from`);
  }
}

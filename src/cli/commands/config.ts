import { realpathSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories, replaceFile } from '../../base/files.ts';
import { retry } from '../../base/retry.ts';
import { type Cli, defineCommand, withExamples } from '../command.ts';
import { listFaults, wrongUsage } from '../exit.ts';
import { namespaceOption } from '../options.ts';
import { formatJson } from '../output/structured.ts';
import { formatTable } from '../output/table.ts';
import { printable } from '../output/text.ts';
import {
  type KeptSettings,
  parseSetting,
  readKeptSettings,
  SETTING_NAMES,
  type SettingName,
  settingOf,
  settingsFile,
} from '../settings.ts';
import { PAUSE } from '../with-daemon.ts';

export function configCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern config set namespace shop', 'lantern config view', 'lantern config unset namespace'])
    .addHelpText('after', `\n${PRECEDENCE}`)
    .addCommand(setCommand(cli))
    .addCommand(unsetCommand(cli))
    .addCommand(viewCommand(cli))
    .addCommand(setContextCommand(cli), { hidden: true });
}

const PRECEDENCE = [
  'A flag wins over a variable (LANTERN_NAMESPACE, LANTERN_SOCKET), and a variable over',
  'the settings, which are in ~/.config/lantern/config.json, or below $XDG_CONFIG_HOME.',
].join('\n');

function settingArgument(): Argument {
  return new Argument('<SETTING>', 'the setting').choices(SETTING_NAMES);
}

/** The answers are kubectl's. */
function setCommand(cli: Cli): Command {
  return defineCommand('set', 'Keep the namespace or the socket that commands use without a flag.', [
    'lantern config set namespace shop',
    'lantern config set socket /run/lantern/lantern.sock',
  ])
    .addArgument(settingArgument())
    .argument('<VALUE>', 'its value')
    .action(async (name: SettingName, text: string) => await keepSetting(cli, name, text));
}

async function keepSetting(cli: Cli, name: SettingName, text: string): Promise<void> {
  const value = parseSetting(name, name === 'socket' ? resolve(text) : text, name);
  if (!value.ok) throw wrongUsage(listFaults(value.faults));
  await changeSettings(cli, (kept) => ({ ...kept, [name]: value.value }));
  cli.terminal.print(`Property "${name}" set.`);
}

/** As kubectl's users set the namespace, by habit. There are no contexts besides. */
function setContextCommand(cli: Cli): Command {
  return defineCommand('set-context', 'The same as "config set namespace".', [
    'lantern config set-context --current --namespace=shop',
  ])
    .requiredOption('--current', 'there is no other context')
    .addOption(namespaceOption('the namespace to keep').makeOptionMandatory())
    .action(async ({ namespace }: { readonly namespace: string }) => await keepSetting(cli, 'namespace', namespace));
}

function unsetCommand(cli: Cli): Command {
  return defineCommand('unset', 'Forget a setting.', ['lantern config unset namespace'])
    .addArgument(settingArgument())
    .action(async (name: SettingName) => {
      await changeSettings(cli, ({ [name]: _, ...others }) => others);
      cli.terminal.print(`Property "${name}" unset.`);
    });
}

function viewCommand(cli: Cli): Command {
  return defineCommand('view', 'Show each setting, and where its value comes from.', ['lantern config view'])
    .addOption(namespaceOption())
    .action((_options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<KeptSettings>();
      const rows = SETTING_NAMES.map((name) => {
        const { value, from } = settingOf(cli, name, flags[name]);
        return [name, printable(value), from === 'file' ? printable(settingsFile(cli) ?? '') : from];
      });
      cli.terminal.print(formatTable(['SETTING', 'VALUE', 'FROM'], rows));
    });
}

/** A link, as from a collection of dotfiles, stays one. */
async function changeSettings(cli: Cli, change: (kept: KeptSettings) => KeptSettings): Promise<void> {
  const path = settingsFile(cli);
  if (path === undefined) {
    throw new LanternError('failed-precondition', 'keep settings: there is no home; set HOME or XDG_CONFIG_HOME');
  }
  try {
    makeDirectories(dirname(path), 0o700);
    const lock = `${path}.lock`;
    await takeLock(lock, cli);
    try {
      await replaceFile(realPath(path), [`${formatJson(change(readKeptSettings(cli)))}\n`]);
    } finally {
      await rm(lock);
    }
  } catch (error) {
    throw toLanternError(error, `keep settings in "${path}"`);
  }
}

const BACKOFF = { firstMs: 5, maxMs: 100, jitter: 1 };
/** Milliseconds. A lock is held for one write. */
const PATIENCE_MS = 5_000;

/** Without it, one of two commands at once would lose its setting. A file as of kubectl: a home may be on NFS. */
async function takeLock(lock: string, { signal }: Cli): Promise<void> {
  const isTransient = (error: unknown) => errnoOf(error) === 'EEXIST';
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const attempt = async () => await writeFile(lock, '', { flag: 'wx', mode: 0o600 });
  await retry(attempt, { clock: PAUSE, signal: patience, backoff: BACKOFF, isTransient }).catch((error: unknown) => {
    if (!isTransient(error)) throw error;
    signal.throwIfAborted();
    const message = `lock "${lock}": it exists; remove it if no other "lantern config" is running`;
    throw new LanternError('failed-precondition', message);
  });
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

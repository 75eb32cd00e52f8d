import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { makeDirectories, replaceFile } from '../../base/files.ts';
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

export function configCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern config set namespace shop', 'lantern config view', 'lantern config unset namespace'])
    .addHelpText('after', `\n${PRECEDENCE}`)
    .addCommand(setCommand(cli))
    .addCommand(unsetCommand(cli))
    .addCommand(viewCommand(cli));
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
    .action(async (name: SettingName, text: string) => {
      const value = parseSetting(name, name === 'socket' ? resolve(text) : text, name);
      if (!value.ok) throw wrongUsage(listFaults(value.faults));
      await keep(cli, { ...readKeptSettings(cli), [name]: value.value });
      cli.terminal.print(`Property "${name}" set.`);
    });
}

function unsetCommand(cli: Cli): Command {
  return defineCommand('unset', 'Forget a setting.', ['lantern config unset namespace'])
    .addArgument(settingArgument())
    .action(async (name: SettingName) => {
      const { [name]: _, ...others } = readKeptSettings(cli);
      await keep(cli, others);
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
async function keep(cli: Cli, settings: KeptSettings): Promise<void> {
  const path = settingsFile(cli);
  if (path === undefined) {
    throw new LanternError('failed-precondition', 'keep settings: there is no home; set HOME or XDG_CONFIG_HOME');
  }
  try {
    makeDirectories(dirname(path), 0o700);
    await replaceFile(realPath(path), [`${formatJson(settings)}\n`]);
  } catch (error) {
    throw toLanternError(error, `keep settings in "${path}"`);
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

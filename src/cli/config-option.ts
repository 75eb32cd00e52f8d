import { type Command, Option } from 'commander';
import type { OptionName } from '../config/given-options.ts';
import { OPTIONS } from '../config/options.ts';
import { collect } from './define-command.ts';

/**
 * Adds options of the daemon's configuration to a command. Only shape and help: commander neither parses nor defaults, so that
 * every fault is reported at once.
 */
export function addConfigOptions(command: Command, names: readonly OptionName[], { isGrouped = false } = {}): Command {
  for (const name of names) {
    const { group, flag, placeholder, help, defaultText, environment, isRepeatable } = OPTIONS[name];
    const shape = placeholder === undefined ? flag : `${flag} <${placeholder}>`;
    const option = new Option(shape, `${help} (default: ${defaultText}; ${environment})`);
    if (isRepeatable) option.argParser(collect);
    if (isGrouped) option.helpGroup(`${group}:`);
    command.addOption(option);
  }
  return command;
}

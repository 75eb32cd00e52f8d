import { type Command, Option } from 'commander';
import { parseStoreChoice, parseStoreLocation, STORE_CHOICE, STORE_LOCATION } from '../config/config.ts';
import type { OptionName } from '../config/given-options.ts';
import { OPTIONS } from '../config/options.ts';
import type { EmbeddedLocation } from '../stores/embedded/database.ts';
import type { Cli } from './command.ts';
import { listFaults, wrongUsage } from './exit.ts';
import { collect } from './options.ts';

/** For commands that open the embedded store of a stopped daemon. */
export function addStoreOptions(command: Command): Command {
  return addConfigOptions(command, STORE_LOCATION);
}

/** Includes the flags of `serve` that choose a store and locate etcd. */
export function addStoreChoice(command: Command): Command {
  return addConfigOptions(command, STORE_CHOICE);
}

/** Uses the environment and defaults of `lantern serve`. */
export function storeLocation(cli: Cli, flags: Readonly<Record<string, unknown>>): EmbeddedLocation {
  const location = parseStoreLocation(flags, cli);
  if (!location.ok) throw wrongUsage(listFaults(location.faults));
  return { directory: location.value.dataDirectory, keyFiles: location.value.keyFiles };
}

export function storeChoice(cli: Cli, flags: Readonly<Record<string, unknown>>) {
  const choice = parseStoreChoice(flags, cli);
  if (!choice.ok) throw wrongUsage(listFaults(choice.faults));
  return choice.value;
}

/** Commander neither parses the options nor applies defaults: the configuration can report all faults at once. */
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

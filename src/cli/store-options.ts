import { type Command, Option } from 'commander';
import { parseStoreChoice, parseStoreLocation, STORE_CHOICE, STORE_LOCATION } from '../config/config.ts';
import type { OptionName } from '../config/given-options.ts';
import { OPTIONS } from '../config/options.ts';
import type { EmbeddedLocation } from '../stores/embedded/database.ts';
import { type Cli, collect } from './define-command.ts';
import { listFaults, wrongUsage } from './exit.ts';

/** `--data-dir` and `--key-file`, for commands that work on the embedded store while no daemon does. */
export function addStoreOptions(command: Command): Command {
  return addConfigOptions(command, STORE_LOCATION);
}

/** Those, and the flags of `serve` that choose a store and say where etcd is. */
export function addStoreChoice(command: Command): Command {
  return addConfigOptions(command, STORE_CHOICE);
}

/** For people: `1 object`, `2 objects`. */
export function countOfObjects(count: number): string {
  return `${count} ${count === 1 ? 'object' : 'objects'}`;
}

/** Where the store is, said as to `lantern serve`. */
export function storeLocation(cli: Cli, flags: Readonly<Record<string, unknown>>): EmbeddedLocation {
  const location = parseStoreLocation(flags, cli);
  if (!location.ok) throw wrongUsage(listFaults(location.faults));
  return { directory: location.value.dataDirectory, keyFiles: location.value.keyFiles };
}

/** What `addStoreChoice`'s flags say. */
export function storeChoice(cli: Cli, flags: Readonly<Record<string, unknown>>) {
  const choice = parseStoreChoice(flags, cli);
  if (!choice.ok) throw wrongUsage(listFaults(choice.faults));
  return choice.value;
}

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

import type { Command } from 'commander';
import { parseStoreChoice, parseStoreLocation, STORE_CHOICE, STORE_LOCATION } from '../config/config.ts';
import type { EmbeddedLocation } from '../sources/embedded-database.ts';
import type { Cli } from './cli.ts';
import { addConfigOptions } from './config-option.ts';
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

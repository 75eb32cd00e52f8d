import type { Command } from 'commander';
import { parseStoreChoice, parseStoreLocation } from '../config/config.ts';
import { CONFIG_OPTIONS } from '../config/options.ts';
import type { EmbeddedLocation } from '../sources/embedded-database.ts';
import type { Cli } from './cli.ts';
import { optionOf } from './config-option.ts';
import { listFaults, wrongUsage } from './exit.ts';

/** `--data-dir` and `--key-file`, for commands that work on the embedded store while no daemon does. */
export function addStoreOptions(command: Command): Command {
  return command.addOption(optionOf(CONFIG_OPTIONS.dataDir)).addOption(optionOf(CONFIG_OPTIONS.keyFile));
}

/** Those, and the flags of `serve` that choose a store and say where etcd is. */
export function addStoreChoice(command: Command): Command {
  const { store, etcdEndpoints, etcdPrefix, etcdCa, etcdCert, etcdKey, etcdUser, etcdPasswordFile, insecureEtcd } =
    CONFIG_OPTIONS;
  const etcd = [etcdEndpoints, etcdPrefix, etcdCa, etcdCert, etcdKey, etcdUser, etcdPasswordFile, insecureEtcd];
  addStoreOptions(command.addOption(optionOf(store)));
  for (const option of etcd) command.addOption(optionOf(option));
  return command;
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

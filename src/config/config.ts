import { join } from 'node:path';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import type { EtcdConfig } from '../stores/etcd/identity.ts';
import {
  type Flags,
  GivenOptions,
  type NamesIn,
  namesIn,
  OPTION_NAMES,
  type OptionName,
  type Values,
} from './given-options.ts';
import type { Surroundings } from './option.ts';
import { checkTogether, etcdOf, type TcpConfig, tcpOf } from './rules.ts';
import { checkRunDirectory } from './run-directory.ts';

/** How one daemon runs: the values of the table's options, those of TCP and etcd together. Frozen; every path absolute. */
export type Config = Omit<Values, NamesIn<'TCP' | 'etcd'>> & {
  /** Socket of all services. */
  readonly lanternSocket: string;
  /** Undefined where TCP is off. */
  readonly tcp: TcpConfig | undefined;
  /** Undefined unless that is the store. */
  readonly etcd: EtcdConfig | undefined;
};

/** The options that tell where the embedded store is. */
export const STORE_LOCATION = ['dataDirectory', 'keyFiles'] as const satisfies readonly OptionName[];
/** The options that choose a store. */
export const STORE_CHOICE = namesIn('Store', 'etcd');

/**
 * Flags, then environment, then defaults. Every bad option is a fault, named as the user gave it: `--pool-size` or
 * `LANTERN_POOL_SIZE`.
 */
export function parseConfig(flags: Flags, surroundings: Surroundings): Parsed<Config> {
  const given = new GivenOptions(OPTION_NAMES, flags, surroundings);
  const lanternSocket = join(given.values.runDirectory, 'lantern.sock');
  const tcp = tcpOf(given);
  const etcd = etcdOf(given);
  checkTogether(given, { lantern: lanternSocket, hasTcp: tcp !== undefined });
  const faults = [...given.faults, ...checkRunDirectory(given.values.runDirectory, surroundings.user)];
  if (faults.length > 0) return faulty(faults);
  const combined: readonly string[] = namesIn('TCP', 'etcd');
  const single = Object.entries(given.values).filter(([name]) => !combined.includes(name));
  return parsed(Object.freeze({ ...(Object.fromEntries(single) as Values), lanternSocket, tcp, etcd }));
}

/** Where the embedded store is, for commands that work on it while no daemon does. */
export function parseStoreLocation(
  flags: Flags,
  surroundings: Surroundings,
): Parsed<Values<(typeof STORE_LOCATION)[number]>> {
  const { values, faults } = new GivenOptions(STORE_LOCATION, flags, surroundings);
  return faults.length > 0 ? faulty(faults) : parsed(values);
}

/** Which store the options choose, for commands that work on either kind; `etcd` is undefined unless that is chosen. */
export function parseStoreChoice(
  flags: Flags,
  surroundings: Surroundings,
): Parsed<Values<NamesIn<'Store'>> & Pick<Config, 'etcd'>> {
  const given = new GivenOptions(STORE_CHOICE, flags, surroundings);
  const etcd = etcdOf(given);
  return given.faults.length > 0 ? faulty(given.faults) : parsed({ ...given.values, etcd });
}

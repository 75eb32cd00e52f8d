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

/** The value of every option, those of TCP and etcd combined. Frozen; paths are absolute. */
export type Config = Omit<Values, NamesIn<'TCP' | 'etcd'>> & {
  readonly lanternSocket: string;
  /** Undefined if TCP is off. */
  readonly tcp: TcpConfig | undefined;
  /** Undefined with another store. */
  readonly etcd: EtcdConfig | undefined;
};

export const STORE_LOCATION = ['dataDirectory', 'keyFiles'] as const satisfies readonly OptionName[];
export const STORE_CHOICE = namesIn('Store', 'etcd');

/**
 * Flags take precedence over the environment, the environment over defaults. Every bad option is a fault, named as the
 * user gave it: `--pool-size` or `LANTERN_POOL_SIZE`.
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

/** For commands that work on the embedded store without a daemon. */
export function parseStoreLocation(
  flags: Flags,
  surroundings: Surroundings,
): Parsed<Values<(typeof STORE_LOCATION)[number]>> {
  const { values, faults } = new GivenOptions(STORE_LOCATION, flags, surroundings);
  return faults.length > 0 ? faulty(faults) : parsed(values);
}

/** For commands that work on either store. `etcd` is undefined for the embedded one. */
export function parseStoreChoice(
  flags: Flags,
  surroundings: Surroundings,
): Parsed<Values<NamesIn<'Store'>> & Pick<Config, 'etcd'>> {
  const given = new GivenOptions(STORE_CHOICE, flags, surroundings);
  const etcd = etcdOf(given);
  return given.faults.length > 0 ? faulty(given.faults) : parsed({ ...given.values, etcd });
}

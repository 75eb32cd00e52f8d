import { join } from 'node:path';
import { availableMemory, defaultPoolTotal } from '../base/available-memory.ts';
import type { Fault } from '../base/errors.ts';
import type { LogFormat, LogLevel } from '../base/log.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import type { EnvNameRule } from '../objects/env-name.ts';
import { defaultDataDirectory, defaultKeyFile } from '../sources/data-directory.ts';
import { type EtcdConfig, etcdOf } from '../sources/etcd-config.ts';
import {
  type ChangeDetection,
  CONFIG_OPTIONS,
  type ConfigOption,
  type Isolation,
  type PublisherChoice,
  type StoreChoice,
} from './options.ts';
import { checkRunDirectory, defaultRunDirectory, type User } from './run-directory.ts';
import { type TcpConfig, tcpOf } from './tcp.ts';
import { MAX_SOCKET_PATH_BYTES } from './values.ts';

/** How one daemon runs. Frozen; every path absolute. */
export type Config = {
  readonly runDirectory: string;
  /** Socket of csi.v1, alone in its directory. */
  readonly csiSocket: string;
  readonly lanternSocket: string;
  /** The group that may open the sockets; nobody but the daemon's user where undefined. */
  readonly socketGroup: number | undefined;
  readonly tcp: TcpConfig | undefined;
  readonly publisher: PublisherChoice;
  /** `direct` may use targets that are not on a memory file system. */
  readonly allowDisk: boolean;
  /** `direct` may use targets in directories that others can write to. */
  readonly directInSharedDirectories: boolean;
  readonly isolation: Isolation;
  /** Size of one pool. */
  readonly poolBytes: number;
  /** Cap over all pools; the publisher's own default where undefined. */
  readonly poolTotalBytes: number | undefined;
  readonly requireNoswap: boolean;
  readonly store: StoreChoice;
  readonly dataDirectory: string;
  /** The first encrypts, all decrypt; never empty. */
  readonly keyFiles: readonly string[];
  /** Undefined unless that is the store. */
  readonly etcd: EtcdConfig | undefined;
  /** Directory of object manifests to follow. */
  readonly manifests: string | undefined;
  readonly changeDetection: ChangeDetection;
  /** Milliseconds; used with jitter. */
  readonly syncPeriodMs: number;
  /** The `iss` of tokens that this daemon signs, and their audience where they ask for none. */
  readonly tokenIssuer: string;
  /** Where the public keys are written. */
  readonly jwksFile: string;
  /** PEM file that token Secrets and token volumes show as ca.crt. */
  readonly rootCa: string | undefined;
  /** Where targets may lie; anywhere where empty. */
  readonly targetRoots: readonly string[];
  /** Which names environment variables may have. */
  readonly environmentNames: EnvNameRule;
  readonly host: 'generic' | 'kubernetes';
  readonly driverName: string;
  readonly nodeId: string;
  /** `host:port` of the pages on metrics and health; none where undefined. */
  readonly metricsAddress: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly unmountOnExit: boolean;
};

/** What a configuration depends on besides flags. */
export type Surroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  readonly hostname: string;
  /** Bytes that the process may use; found out where left out. */
  readonly memoryBytes?: number;
};

/** Flags as commander hands them over, by its attribute names: text, `true` for a switch, a list when repeatable. */
export type Flags = Readonly<Record<string, unknown>>;

/** Where the embedded store is. */
export type StoreLocation = Pick<Config, 'dataDirectory' | 'keyFiles'>;

const KUBELET_PODS = '/var/lib/kubelet/pods';

/**
 * Flags, then environment, then defaults. Every bad field is a fault, named as the user gave it: `--pool-size` or
 * `LANTERN_POOL_SIZE`.
 */
export function parseConfig(flags: Flags, surroundings: Surroundings): Parsed<Config> {
  const faults: Fault[] = [];
  const read = readerOf(flags, surroundings, faults);
  const options = CONFIG_OPTIONS;
  const runDirectory = read(options.runDir) ?? defaultRunDirectory(surroundings.user, surroundings.environment);
  const host = read(options.host) ?? 'generic';
  const tcp = tcpOf(
    {
      address: read(options.listen),
      cert: read(options.tlsCert),
      key: read(options.tlsKey),
      clientCa: read(options.tlsClientCa),
      insecure: read(options.insecurePlainTcp) ?? false,
    },
    faults,
  );
  const store = read(options.store) ?? 'embedded';
  const etcd = etcdFrom(read, store, faults);
  const poolTotalBytes = read(options.poolTotal);
  const limitBytes = poolTotalBytes ?? defaultPoolTotal(surroundings.memoryBytes ?? availableMemory());
  const config: Config = {
    runDirectory,
    csiSocket: read(options.csiEndpoint) ?? join(runDirectory, 'csi', 'csi.sock'),
    lanternSocket: join(runDirectory, 'lantern.sock'),
    socketGroup: read(options.socketGroup),
    tcp,
    publisher: read(options.publisher) ?? 'auto',
    allowDisk: read(options.allowDisk) ?? false,
    directInSharedDirectories: read(options.directInSharedDirectories) ?? false,
    isolation: read(options.isolation) ?? 'namespace',
    poolBytes: read(options.poolSize) ?? Math.min(options.poolSize.defaultValue, limitBytes),
    poolTotalBytes,
    requireNoswap: read(options.requireNoswap) ?? false,
    store,
    ...locationOf(read, surroundings),
    etcd,
    manifests: read(options.manifests),
    changeDetection: read(options.changeDetection) ?? 'watch',
    syncPeriodMs: read(options.syncPeriod) ?? options.syncPeriod.defaultValue,
    tokenIssuer: read(options.tokenIssuer) ?? options.tokenIssuer.defaultValue,
    jwksFile: read(options.jwksFile) ?? join(runDirectory, 'jwks.json'),
    rootCa: read(options.rootCa),
    environmentNames: read(options.relaxedEnvironmentNames) === true ? 'relaxed' : 'strict',
    targetRoots: read(options.targetRoot) ?? (host === 'kubernetes' ? [KUBELET_PODS] : []),
    host,
    driverName: read(options.driverName) ?? options.driverName.defaultValue,
    nodeId: read(options.nodeId) ?? surroundings.hostname,
    metricsAddress: read(options.metricsAddress),
    logLevel: read(options.logLevel) ?? 'info',
    logFormat: read(options.logFormat) ?? 'text',
    unmountOnExit: read(options.unmountOnExit) ?? false,
  };
  const nameOf = (option: ConfigOption<unknown>) =>
    givenFor(option, flags, surroundings.environment)?.field ?? option.flag;
  const alreadyFaulty = new Set(faults.map((fault) => fault.field));
  faults.push(...contradictions(config, nameOf).filter((fault) => !alreadyFaulty.has(fault.field)));
  faults.push(...checkRunDirectory(runDirectory, surroundings.user));
  return faults.length > 0 ? faulty(faults) : parsed(Object.freeze(config));
}

/** Where the embedded store is, for commands that work on it while no daemon does: the same flags, variables and defaults. */
export function parseStoreLocation(flags: Flags, surroundings: Omit<Surroundings, 'hostname'>): Parsed<StoreLocation> {
  const faults: Fault[] = [];
  const location = locationOf(readerOf(flags, surroundings, faults), surroundings);
  return faults.length > 0 ? faulty(faults) : parsed(location);
}

/** Which store the flags choose, for commands that work on either kind; `etcd` is undefined unless that is chosen. */
export function parseStoreChoice(
  flags: Flags,
  surroundings: Omit<Surroundings, 'hostname'>,
): Parsed<StoreLocation & Pick<Config, 'store' | 'etcd'>> {
  const faults: Fault[] = [];
  const read = readerOf(flags, surroundings, faults);
  const store = read(CONFIG_OPTIONS.store) ?? 'embedded';
  const choice = { store, etcd: etcdFrom(read, store, faults), ...locationOf(read, surroundings) };
  return faults.length > 0 ? faulty(faults) : parsed(choice);
}

type Read = <T>(option: ConfigOption<T>) => T | undefined;

/** Reads one option after the other; undefined where it is not given, or faulty. */
function readerOf(flags: Flags, { environment }: Pick<Surroundings, 'environment'>, faults: Fault[]): Read {
  return (option) => {
    const given = givenFor(option, flags, environment);
    if (given === undefined) return undefined;
    const result = option.parse(given.texts, given.field);
    if (result.ok) return result.value;
    faults.push(...result.faults);
    return undefined;
  };
}

function etcdFrom(read: Read, store: StoreChoice, faults: Fault[]): EtcdConfig | undefined {
  const options = CONFIG_OPTIONS;
  return etcdOf(
    {
      isChosen: store === 'etcd',
      endpoints: read(options.etcdEndpoints),
      prefix: read(options.etcdPrefix),
      ca: read(options.etcdCa),
      cert: read(options.etcdCert),
      key: read(options.etcdKey),
      user: read(options.etcdUser),
      passwordFile: read(options.etcdPasswordFile),
      insecure: read(options.insecureEtcd),
      startSpreadMs: read(options.etcdStartSpread),
    },
    faults,
  );
}

function locationOf(read: Read, { user, environment }: Omit<Surroundings, 'hostname'>): StoreLocation {
  const dataDirectory = read(CONFIG_OPTIONS.dataDir) ?? defaultDataDirectory(user, environment);
  return { dataDirectory, keyFiles: read(CONFIG_OPTIONS.keyFile) ?? [defaultKeyFile(dataDirectory)] };
}

/** The texts for one option, and what to call them in a fault. An empty environment variable counts as not set. */
function givenFor(
  option: ConfigOption<unknown>,
  flags: Flags,
  environment: Surroundings['environment'],
): { texts: readonly string[]; field: string } | undefined {
  const flag = flags[attributeName(option.flag)];
  if (flag !== undefined) return { texts: Array.isArray(flag) ? flag.map(String) : [String(flag)], field: option.flag };
  const text = environment[option.environment];
  if (text === undefined || text === '') return undefined;
  return { texts: option.repeatable ? text.split(':') : [text], field: option.environment };
}

/** The name under which commander hands a flag over: `--run-dir` is `runDir`. */
function attributeName(flag: string): string {
  return flag.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Fields that are fine alone but not together. */
function contradictions(config: Config, nameOf: (option: ConfigOption<unknown>) => string): Fault[] {
  const faults: Fault[] = [];
  const refuse = (option: ConfigOption<unknown>, message: string) =>
    void faults.push({ field: nameOf(option), message });
  if (config.publisher === 'bind') {
    const noMeaning = 'has no meaning with --publisher bind, which always keeps volumes in memory of its own';
    if (config.allowDisk) refuse(CONFIG_OPTIONS.allowDisk, noMeaning);
    if (config.directInSharedDirectories) refuse(CONFIG_OPTIONS.directInSharedDirectories, noMeaning);
  }
  if (config.poolTotalBytes !== undefined && config.poolTotalBytes < config.poolBytes) {
    refuse(CONFIG_OPTIONS.poolTotal, `must be at least the size of one pool (--pool-size, ${config.poolBytes} bytes)`);
  }
  if (config.tcp !== undefined && config.targetRoots.length === 0) {
    refuse(CONFIG_OPTIONS.targetRoot, 'is required with --listen: whoever connects could mount anywhere otherwise');
  }
  if (join(config.csiSocket, '..') === config.runDirectory) {
    refuse(
      CONFIG_OPTIONS.csiEndpoint,
      `must lie in a directory of its own, e.g. "${join(config.runDirectory, 'csi', 'csi.sock')}"`,
    );
  }
  for (const [option, path] of [
    [CONFIG_OPTIONS.runDir, config.lanternSocket],
    [CONFIG_OPTIONS.csiEndpoint, config.csiSocket],
  ] as const) {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      refuse(
        option,
        `the socket path "${path}" is over ${MAX_SOCKET_PATH_BYTES} bytes, which Linux cannot bind; choose a shorter one`,
      );
    }
  }
  return faults;
}

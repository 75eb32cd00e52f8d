import { accessSync, existsSync, constants as fs, lstatSync, readFileSync, realpathSync, type Stats } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { errnoOf } from '../../base/errors.ts';
import { availableMemory } from '../../base/host-resources.ts';
import type { Config } from '../../config/config.ts';
import { KUBELET_PODS } from '../../config/options.ts';
import { type BindProbe, obstacleOf, probeBind } from '../../mount/detect/probe-bind.ts';
import { readOwnership } from '../../mount/direct/ownership.ts';
import { isInMemory, isInOwnMountNamespace, isSwapOn } from '../../mount/host-file-systems.ts';
import { type MountEntry, parseMountinfo } from '../../mount/linux/mount-table.ts';
import { POOL_SOURCE } from '../../mount/linux/mounter.ts';
import {
  attachMount,
  cloneMountOf,
  identifyPath,
  leaveMountNamespace,
  MS_NODEV,
  MS_NOSUID,
  mount,
  openDirectoryWithoutLinks,
  setMountAttributes,
} from '../../mount/linux/system-calls.ts';
import { STORE_SERVICE } from '../../rpc/services.ts';
import { dataPaths } from '../../stores/embedded/data-directory.ts';
import { checkHealth, type Health } from '../check-health.ts';

export type DoctorOptions = Pick<
  Config,
  | 'runDirectory'
  | 'lanternSocket'
  | 'csiSocket'
  | 'credentialsSocket'
  | 'dockerSocket'
  | 'publisher'
  | 'allowDisk'
  | 'requireNoswap'
  | 'poolBytes'
  | 'poolTotalBytes'
  | 'store'
  | 'dataDirectory'
  | 'keyFiles'
  | 'host'
  | 'driverName'
  | 'targetRoots'
>;

/** A link at the end of the path is not followed. */
export type PathFact = { readonly path: string } & (
  | { readonly state: 'missing' }
  /** `errno` is why it cannot be inspected. */
  | { readonly state: 'hidden'; readonly errno: string }
  | {
      readonly state: 'there';
      readonly type: 'directory' | 'file' | 'socket' | 'other';
      readonly uid: number;
      readonly mode: number;
    }
);

/** `unknown`: the mount is not in the mount table. */
type Propagation = 'shared' | 'slave' | 'private' | 'unknown';

/** `profile` is AppArmor's profile of this process. */
type SecurityModule =
  | { readonly kind: 'none' }
  | { readonly kind: 'apparmor'; readonly profile: string }
  | { readonly kind: 'selinux'; readonly isEnforcing: boolean };

/** The input of all checks, gathered once, as plain data. A fact that cannot be determined is undefined. */
export type DoctorFacts = {
  readonly options: DoctorOptions;
  readonly nodeVersion: string;
  readonly uid: number;
  readonly canChangeOwners: boolean;
  readonly kernelRelease: string;
  readonly missingCalls: readonly string[];
  /** The result of mounting in a scratch mount namespace. */
  readonly bind: BindProbe | undefined;
  /** The state of /dev/shm. `usable`: a memory file system that this user can write to. */
  readonly sharedMemory: 'usable' | 'not-writable' | 'not-memory' | 'missing';
  /** True if the run directory, or its nearest existing parent, is in memory. */
  readonly isRunDirectoryInMemory: boolean | undefined;
  readonly isSwapOn: boolean | undefined;
  readonly memoryBytes: number;
  readonly securityModule: SecurityModule;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  /** Two successive readings in milliseconds. */
  readonly monotonic: readonly [number, number];
  readonly runDirectory: PathFact;
  readonly runDirectoryPropagation: Propagation;
  /** True in a container, for example. */
  readonly isInOwnMountNamespace: boolean | undefined;
  readonly sockets: readonly PathFact[];
  readonly health: Health;
  readonly storeHealth: Health;
  readonly pools: number;
  readonly dataDirectory: PathFact;
  /** True if the embedded store has data, which cannot be read without its key. */
  readonly hasDatabase: boolean;
  readonly keyFiles: readonly PathFact[];
  /** The kubelet's directories and the registrar's socket; only with `--host kubernetes`. */
  readonly kubernetes:
    | { readonly pods: PathFact; readonly registry: PathFact; readonly registration: PathFact }
    | undefined;
};

const HEALTH_MS = 2_000;
const NO_DESCRIPTOR = -1;

type FactSources = {
  /** Tests mounting in a separate process; undefined if that is not possible. */
  readonly probe: () => Promise<BindProbe | undefined>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** Only reads: nothing is created, changed or mounted. */
export async function gatherFacts(options: DoctorOptions, { probe, clock, signal }: FactSources): Promise<DoctorFacts> {
  const ask = (service?: string) => checkHealth(options.lanternSocket, signal, HEALTH_MS, service);
  const [bind, health, storeHealth] = await Promise.all([probe(), ask(), ask(STORE_SERVICE)]);
  const place = existingPart(options.runDirectory);
  const table = attempt(() => parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))) ?? [];
  const ownership = readOwnership();
  return {
    options,
    nodeVersion: process.version,
    uid: ownership.user,
    canChangeOwners: bind?.works ? bind.canChangeOwners : ownership.canChangeOwners,
    kernelRelease: release(),
    missingCalls: missingCalls(),
    bind,
    sharedMemory: sharedMemory(),
    isRunDirectoryInMemory: attempt(() => isInMemory(place)),
    isSwapOn: existsSync('/proc/swaps') ? isSwapOn() : undefined,
    memoryBytes: availableMemory(),
    securityModule: securityModule(),
    now: clock.now(),
    monotonic: [clock.monotonic(), clock.monotonic()],
    runDirectory: look(options.runDirectory),
    runDirectoryPropagation: propagationOf(place, table),
    isInOwnMountNamespace: isInOwnMountNamespace(),
    sockets: socketsOf(options).map(look),
    health,
    storeHealth,
    pools: countPools(join(place, 'pools'), table),
    dataDirectory: look(options.dataDirectory),
    hasDatabase: existsSync(dataPaths(options.dataDirectory).database),
    keyFiles: options.keyFiles.map(look),
    kubernetes: options.host === 'kubernetes' ? kubernetesOf(options) : undefined,
  };
}

function look(path: string): PathFact {
  try {
    const stat = lstatSync(path);
    return { path, state: 'there', type: typeOf(stat), uid: stat.uid, mode: stat.mode & 0o7777 };
  } catch (error) {
    const errno = errnoOf(error) ?? 'an unknown error';
    return errno === 'ENOENT' || errno === 'ENOTDIR' ? { path, state: 'missing' } : { path, state: 'hidden', errno };
  }
}

function typeOf(stat: Stats): 'directory' | 'file' | 'socket' | 'other' {
  if (stat.isDirectory()) return 'directory';
  if (stat.isFile()) return 'file';
  return stat.isSocket() ? 'socket' : 'other';
}

/** Resolves links of the nearest existing parent. */
function existingPart(path: string): string {
  const real = attempt(() => realpathSync(path));
  return real ?? (path === dirname(path) ? path : existingPart(dirname(path)));
}

/** Only a kernel without the call answers an invalid descriptor with ENOSYS. */
function missingCalls(): readonly string[] {
  const calls: Readonly<Record<string, () => unknown>> = {
    openat2: () => openDirectoryWithoutLinks(''),
    open_tree: () => cloneMountOf(NO_DESCRIPTOR),
    mount_setattr: () => setMountAttributes(NO_DESCRIPTOR, 0, 0),
    move_mount: () => attachMount(NO_DESCRIPTOR, NO_DESCRIPTOR, ''),
  };
  return Object.entries(calls).flatMap(([name, call]) => (isMissing(call) ? [name] : []));
}

function isMissing(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    return errnoOf(error) === 'ENOSYS';
  }
}

function sharedMemory(): DoctorFacts['sharedMemory'] {
  const path = '/dev/shm';
  const isMemory = attempt(() => isInMemory(path));
  if (isMemory === undefined) return 'missing';
  if (!isMemory) return 'not-memory';
  return attempt(() => accessSync(path, fs.W_OK | fs.X_OK) ?? true) ? 'usable' : 'not-writable';
}

function securityModule(): SecurityModule {
  const enforce = textOf('/sys/fs/selinux/enforce');
  if (enforce !== undefined) return { kind: 'selinux', isEnforcing: enforce === '1' };
  if (textOf('/sys/module/apparmor/parameters/enabled') !== 'Y') return { kind: 'none' };
  const label = textOf('/proc/self/attr/apparmor/current') ?? textOf('/proc/self/attr/current');
  return { kind: 'apparmor', profile: label?.replace(/ \(.*\)$/, '') ?? 'a profile that cannot be read' };
}

function propagationOf(directory: string, table: readonly MountEntry[]): Propagation {
  const mountId = attempt(() => identifyPath(directory).mountId);
  const mount = table.find(({ id }) => id === mountId);
  if (mount === undefined) return 'unknown';
  if (mount.propagation.some((field) => field.startsWith('shared:'))) return 'shared';
  return mount.propagation.some((field) => field.startsWith('master:')) ? 'slave' : 'private';
}

function countPools(directory: string, table: readonly MountEntry[]): number {
  const isPool = ({ source, fileSystem, mountPoint }: MountEntry) =>
    source === POOL_SOURCE && fileSystem === 'tmpfs' && dirname(mountPoint) === directory;
  return table.filter(isPool).length;
}

function socketsOf({ lanternSocket, csiSocket, credentialsSocket, dockerSocket }: DoctorOptions): string[] {
  return [lanternSocket, csiSocket, credentialsSocket, dockerSocket].filter((path) => path !== undefined);
}

function kubernetesOf({ targetRoots, driverName }: DoctorOptions): NonNullable<DoctorFacts['kubernetes']> {
  const pods = targetRoots[0] ?? KUBELET_PODS;
  const registry = join(dirname(pods), 'plugins_registry');
  const registration = join(registry, `${driverName}-reg.sock`);
  return { pods: look(pods), registry: look(registry), registration: look(registration) };
}

function textOf(path: string): string | undefined {
  // AppArmor's label may end with a NUL byte.
  return attempt(() => readFileSync(path, 'utf8').replaceAll('\0', '').trim());
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The scratch file system covers one of them; every machine has one. */
const PLACES: readonly string[] = ['/dev/shm', '/tmp', '/run', '/mnt'];

/**
 * Tests the bind publisher in a new mount namespace, on a scratch file system. The process must end afterwards: its
 * main thread cannot return to its namespace, and all its mounts end with it.
 */
export function probeMounts(): BindProbe {
  const place = PLACES.find((path) => existsSync(path));
  if (place === undefined) return { works: false, obstacle: `none of ${PLACES.join(', ')} exists to mount on` };
  try {
    leaveMountNamespace();
    const directory = realpathSync(place);
    mount('lantern-doctor', directory, 'tmpfs', MS_NOSUID | MS_NODEV, 'size=1m,mode=0700');
    return probeBind(directory);
  } catch (error) {
    return { works: false, obstacle: obstacleOf(error) };
  }
}

import { accessSync, existsSync, constants as fs, lstatSync, readFileSync, realpathSync, type Stats } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { errnoOf } from '../../base/errors.ts';
import { availableMemory } from '../../base/host-resources.ts';
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
import { checkHealth } from '../check-health.ts';
import type { DoctorFacts, DoctorOptions, PathFact, Propagation, SecurityModule } from './facts.ts';

const HEALTH_MS = 2_000;
const NO_DESCRIPTOR = -1;

type Inquiry = {
  /** Tries to mount, in a process of its own; undefined when that could not be tried. */
  readonly probe: () => Promise<BindProbe | undefined>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** Looks everything up. Nothing is made, changed or mounted. */
export async function gatherFacts(options: DoctorOptions, { probe, clock, signal }: Inquiry): Promise<DoctorFacts> {
  const ask = (service?: string) => checkHealth(options.lanternSocket, signal, HEALTH_MS, service);
  const [bind, health, storeHealth] = await Promise.all([probe(), ask(), ask(STORE_SERVICE)]);
  const place = existingPartOf(options.runDirectory);
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
    sockets: [options.lanternSocket, options.csiSocket].map(look),
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

/** The directory itself, or the nearest one above it that is there; without links. */
function existingPartOf(path: string): string {
  const real = attempt(() => realpathSync(path));
  return real ?? (path === dirname(path) ? path : existingPartOf(dirname(path)));
}

/** Asks for each with a descriptor of nothing: a kernel that has the call refuses that, one that lacks it says so. */
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

/** What `read` gives, or undefined when it fails. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Directories that the scratch file system may cover; one of them is everywhere. */
const PLACES: readonly string[] = ['/dev/shm', '/tmp', '/run', '/mnt'];

/**
 * Tries what the bind publisher does, in a mount namespace of its own, on a file system that is seen there alone. For a
 * process that ends afterwards: its main thread does not come back, and everything it mounted goes with it.
 */
export function probeMounts(): BindProbe {
  const place = PLACES.find((path) => existsSync(path));
  if (place === undefined) return { works: false, obstacle: `there is none of ${PLACES.join(', ')} to mount on` };
  try {
    leaveMountNamespace();
    const directory = realpathSync(place);
    mount('lantern-doctor', directory, 'tmpfs', MS_NOSUID | MS_NODEV, 'size=1m,mode=0700');
    return probeBind(directory);
  } catch (error) {
    return { works: false, obstacle: obstacleOf(error) };
  }
}

import { readFileSync, readlinkSync, statfsSync } from 'node:fs';
import type { Mounter } from './linux/mounter.ts';

/** Inode of the initial PID namespace, fixed since Linux 3.8. Any other means a container. */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';

const SWAP_CAUTION =
  'pools can be swapped out to disk: the kernel lacks noswap for tmpfs (Linux 6.4) and swap is on; turn it off, or encrypt it';

const SHARING_CAUTION =
  'pools end with this mount namespace: after a restart in a new one, volumes are updated only when mounted again; put --run-dir on a mount shared with the host';

/** True also if that cannot be read. */
export function isSwapOn(): boolean {
  try {
    // The first line is a heading.
    return readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1;
  } catch {
    return true;
  }
}

export function poolCautions(mounter: Mounter, runDirectory: string, noswap: boolean): readonly string[] {
  const cautions: string[] = [];
  if (!noswap && isSwapOn()) cautions.push(SWAP_CAUTION);
  if (isInOwnMountNamespace() && !isOnSharedMount(mounter, runDirectory)) cautions.push(SHARING_CAUTION);
  return cautions;
}

function isOnSharedMount(mounter: Mounter, directory: string): boolean {
  const { mountId } = mounter.identify(directory);
  const mount = mounter.table().find(({ id }) => id === mountId);
  return mount?.propagation.some((field) => field.startsWith('shared:')) ?? false;
}

/** True if mounts may end with this process's mount namespace, which is not the host's. Undefined if unreadable. */
export function isInOwnMountNamespace(): boolean | undefined {
  try {
    if (readlinkSync('/proc/self/ns/pid') !== INITIAL_PID_NAMESPACE) return true;
    return readlinkSync('/proc/self/ns/mnt') !== readlinkSync('/proc/1/ns/mnt');
  } catch {
    return undefined;
  }
}

/** File systems in memory, by the magic number of statfs(2). */
const MEMORY_TYPES: ReadonlySet<number> = new Set([0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */]);

/** True if files at `path` stay in memory (or swap). */
export function isInMemory(path: string): boolean {
  return MEMORY_TYPES.has(statfsSync(path).type);
}

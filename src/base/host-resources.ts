import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/** Kubernetes quantities: the limits of a container that sets none. On most nodes `/` is also the kubelet's storage. */
export function nodeResources(): ReadonlyMap<string, string> {
  return new Map([
    ['cpu', String(availableParallelism())],
    ['memory', String(availableMemory())],
    ['ephemeral-storage', String(sizeOfFileSystem('/'))],
  ]);
}

function sizeOfFileSystem(path: string): bigint {
  const { blocks, bsize } = statfsSync(path, { bigint: true });
  return blocks * bsize;
}

/** In bytes: the machine's memory, or the limit of this process's control group if that is lower. */
export function availableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** The default of `--pool-total`. */
export function defaultPoolTotal(memoryBytes: number): number {
  return Math.floor(memoryBytes / 2);
}

/** A UUID, a new one at each start of the machine. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** The usual minimum, for a limit that cannot be read. */
const DEFAULT_DESCRIPTORS = 1_024;
/** Replaces larger limits and "unlimited": nothing here needs more. */
const MAX_DESCRIPTORS = 1_048_576;

/** This process's RLIMIT_NOFILE. Node raises the soft limit to the hard one at start. */
export function descriptorLimit(read: () => string = () => readFileSync('/proc/self/limits', 'utf8')): number {
  try {
    const soft = /^Max open files +(\S+)/m.exec(read())?.[1];
    if (soft === 'unlimited') return MAX_DESCRIPTORS;
    return soft !== undefined && /^\d+$/.test(soft) ? Math.min(MAX_DESCRIPTORS, Number(soft)) : DEFAULT_DESCRIPTORS;
  } catch {
    return DEFAULT_DESCRIPTORS;
  }
}

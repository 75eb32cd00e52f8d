import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/**
 * What this node can give to a container that says no limit, by the names that Kubernetes has for it, as quantities. Its
 * ephemeral storage is that of the root's file system, which on most nodes is the kubelet's as well.
 */
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

/** What this process may use, in bytes: the machine's memory, or its control group's limit where that is lower. */
export function availableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** What all pools together may take when nobody says otherwise. */
export function defaultPoolTotal(memoryBytes: number): number {
  return Math.floor(memoryBytes / 2);
}

/** What is assumed where the kernel does not say: the least that a process usually has. */
const USUAL = 1_024;
/** Larger ones, and "unlimited", are this: nothing here needs more. */
const MOST = 1_048_576;

/** How many descriptors this process may have open (RLIMIT_NOFILE; Node raises the soft limit to the hard one at its start). */
export function descriptorLimit(read: () => string = () => readFileSync('/proc/self/limits', 'utf8')): number {
  try {
    const soft = /^Max open files +(\S+)/m.exec(read())?.[1];
    if (soft === 'unlimited') return MOST;
    return soft !== undefined && /^\d+$/.test(soft) ? Math.min(MOST, Number(soft)) : USUAL;
  } catch {
    return USUAL;
  }
}

import { statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { availableMemory } from './available-memory.ts';

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

import { statfsSync } from 'node:fs';

/** File systems that never write to a disk of their own, by the magic number of statfs(2). */
const MEMORY_TYPES: ReadonlySet<number> = new Set([0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */]);

/** Whether what is written at `path` stays in memory (or swap). */
export function isInMemory(path: string): boolean {
  return MEMORY_TYPES.has(statfsSync(path).type);
}

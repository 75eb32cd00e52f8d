import { statfsSync } from 'node:fs';
import type { VolumeUsage } from './publisher.ts';

/** File systems that never write to a disk of their own, by the magic number of statfs(2). */
const MEMORY_TYPES: ReadonlySet<number> = new Set([0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */]);

/** Whether what is written at `path` stays in memory (or swap). */
export function isInMemory(path: string): boolean {
  return MEMORY_TYPES.has(statfsSync(path).type);
}

/** Usage of the whole file system that `path` lies on. */
export function fileSystemUsage(path: string): VolumeUsage {
  const { bsize, blocks, bfree, files, ffree } = statfsSync(path);
  return {
    usedBytes: (blocks - bfree) * bsize,
    totalBytes: blocks * bsize,
    usedInodes: files - ffree,
    totalInodes: files,
  };
}

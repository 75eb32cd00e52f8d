import { totalmem } from 'node:os';

/** What this process may use, in bytes: the machine's memory, or its control group's limit where that is lower. */
export function availableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** What all pools together may take when nobody says otherwise. */
export function defaultPoolTotal(memoryBytes: number): number {
  return Math.floor(memoryBytes / 2);
}

import { readUsage } from '../volume/pool-budget.ts';
import type { VolumeUsage } from './publisher.ts';

/** Usage of the whole file system that `path` lies on. */
export function fileSystemUsage(path: string): VolumeUsage {
  const { blockBytes: _, ...usage } = readUsage(path);
  return usage;
}

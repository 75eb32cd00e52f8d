import { join } from 'node:path';
import type { PodInFile } from './pods-in-files.ts';
import { absoluteTarget } from './target.ts';

/** Where a pod of a file is mounted: the file's only one at `root` itself, one of several below, under its name. */
export function rootOf({ name }: PodInFile, pods: readonly PodInFile[], root: string): string {
  return absoluteTarget(pods.length === 1 ? root : join(root, name));
}

import type { VolumeFs } from '../volume/file-system.ts';
import { nodeFileSystem } from '../volume/node-file-system.ts';
import { stampPath } from './system-calls.ts';

/** The host's file system, where every look at a volume counts. */
export const hostFileSystem: VolumeFs = { ...nodeFileSystem, stamp: stampPath };

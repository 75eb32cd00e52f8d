import type { VolumeFs } from '../volume/file-system.ts';
import { nodeFileSystem, stampsBy } from '../volume/node-file-system.ts';
import { AT_FDCWD, stampAt } from './system-calls.ts';

/** The host's file system, where every look at a volume counts. */
export const hostFileSystem: VolumeFs = {
  ...nodeFileSystem,
  stamps: (paths) => stampsBy(paths, (path) => stampAt(AT_FDCWD, path)),
};

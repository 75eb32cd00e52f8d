import { errnoOf } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import type { DirectoryEntry, VolumeFs } from './file-system.ts';

/**
 * Removes a directory and all that is in it; links are removed, not followed. What took the directory's own place is
 * removed as well, where the file system refuses to list it. Nothing there: nothing happens.
 */
export function* removingTree(fs: VolumeFs, directory: string): Steps<void> {
  try {
    const entries = listUnlessReplaced(fs, directory);
    for (const { name, type } of entries ?? []) {
      if (type === 'directory') yield* removingTree(fs, `${directory}/${name}`);
      else fs.unlink(`${directory}/${name}`);
      yield;
    }
    if (entries === undefined) fs.unlink(directory);
    else fs.rmdir(directory);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Undefined for a link, or a file. */
function listUnlessReplaced(fs: VolumeFs, directory: string): readonly DirectoryEntry[] | undefined {
  try {
    return fs.readdir(directory);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ELOOP' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Removes the tree if it can be; false when something in it cannot be removed (a busy mount, say). */
export function* tryRemovingTree(fs: VolumeFs, directory: string): Steps<boolean> {
  try {
    yield* removingTree(fs, directory);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

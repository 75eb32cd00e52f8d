import { errnoOf } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import type { VolumeFs } from './file-system.ts';

/** Removes a directory and all that is in it; links are removed, not followed. Nothing there: nothing happens. */
export function* removingTree(fs: VolumeFs, directory: string): Steps<void> {
  try {
    for (const { name, type } of fs.readdir(directory)) {
      if (type === 'directory') yield* removingTree(fs, `${directory}/${name}`);
      else fs.unlink(`${directory}/${name}`);
      yield;
    }
    fs.rmdir(directory);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
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

import { errnoOf } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import type { DirectoryEntry, FileType, VolumeFs } from '../volume/file-system.ts';
import { DATA_LINK, isGenerationName, NEXT_DATA_LINK, visibleLinkTarget } from '../volume/layout.ts';
import { directoriesOf } from './direct-sub-path.ts';

/** Whether an entry is of our making. `path` is relative to the target; `linkTarget` reads what a link says. */
export type IsOurs = (path: string, type: FileType, linkTarget: () => string) => boolean;

/**
 * Removes what is ours below `root`, and leaves the rest. `fs` is that of a directory held open, which follows no link and
 * enters no mount: what an entry was exchanged for is not ours, or not entered. The link that shows a volume goes first: where
 * it is gone, and the rest is not, the removal was begun.
 */
export function* removingOurs(fs: VolumeFs, root: string, isOurs: IsOurs): Steps<void> {
  const walk = function* (entries: readonly DirectoryEntry[], directory: string, prefix: string): Steps<void> {
    for (const { name, type } of entries) {
      const path = `${prefix}${name}`;
      const place = `${directory}/${name}`;
      if (isOurs(path, type, () => fs.readlink(place))) {
        if (type === 'directory') {
          yield* walk(listIfPossible(fs, place), place, `${path}/`);
          tolerating(() => fs.rmdir(place));
        } else {
          tolerating(() => fs.unlink(place));
        }
      }
      yield;
    }
  };
  const isLast = ({ name }: DirectoryEntry) => Number(name !== DATA_LINK);
  const entries = [...listIfPossible(fs, root)].sort((a, b) => isLast(a) - isLast(b));
  yield* walk(entries, root, '');
}

/**
 * Of a target that a volume was rendered in: generations, the links to the current one, and the visible links. Whatever
 * lies in a generation is taken for ours.
 */
export const isOfVolume: IsOurs = (path, type, linkTarget) => {
  if (path.includes('/')) return true;
  if (type === 'directory') return isGenerationName(path);
  if (type !== 'symlink') return false;
  if (path === DATA_LINK || path === NEXT_DATA_LINK) return true;
  return tolerating(linkTarget) === visibleLinkTarget(path);
};

/** Of a target that holds a copy of exactly these files. */
export function isOfCopy(files: Iterable<string>): IsOurs {
  const paths = new Set(files);
  const directories = directoriesOf(paths);
  return (path, type) => (type === 'directory' ? directories.has(path) : paths.has(path));
}

/** Nothing where it is gone, has become something else meanwhile, or is mounted on. */
function listIfPossible(fs: VolumeFs, directory: string): readonly DirectoryEntry[] {
  return tolerating(() => fs.readdir(directory)) ?? [];
}

/** Gone already, exchanged, mounted on, or with something in it that is not ours. */
const GONE_OR_FOREIGN: ReadonlySet<string> = new Set([
  'ENOENT',
  'EBUSY',
  'ENOTEMPTY',
  'EEXIST',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'EXDEV',
  'EINVAL',
]);

function tolerating<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || !GONE_OR_FOREIGN.has(errno)) throw error;
    return undefined;
  }
}

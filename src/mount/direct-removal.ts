import {
  closeSync,
  type Dirent,
  constants as fs,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import { DATA_LINK, isGenerationName, NEXT_DATA_LINK, visibleLinkTarget } from '../volume/layout.ts';
import { directoriesOf } from './direct-sub-path.ts';
import { identifyFile, O_PATH } from './system-calls.ts';

/** Whether an entry is of our making. `path` is relative to the target, `directory` leads to the entry's parent. */
export type IsOurs = (path: string, entry: Dirent, directory: string) => boolean;

/**
 * Removes what is ours below an opened directory, and leaves the rest. Goes from descriptor to descriptor: no link is
 * followed, and a directory that something is mounted on is not entered.
 */
export function removeOurs(directoryFd: number, isOurs: IsOurs): void {
  const { mountId } = identifyFile(directoryFd);
  const walk = (fd: number, prefix: string): void => {
    const directory = `/proc/self/fd/${fd}`;
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = `${prefix}${entry.name}`;
      if (!isOurs(path, entry, directory)) continue;
      if (!entry.isDirectory()) {
        tolerating(GONE_OR_FOREIGN, () => unlinkSync(`${directory}/${entry.name}`));
        continue;
      }
      const child = openDirectory(`${directory}/${entry.name}`);
      if (child === undefined) continue;
      try {
        if (identifyFile(child).mountId === mountId) walk(child, `${path}/`);
      } finally {
        closeSync(child);
      }
      tolerating(GONE_OR_FOREIGN, () => rmdirSync(`${directory}/${entry.name}`));
    }
  };
  walk(directoryFd, '');
}

/**
 * Of a target that a volume was rendered in: generations, the links to the current one, and the visible links. Whatever
 * lies in a generation is taken for ours.
 */
export const isOfVolume: IsOurs = (path, entry, directory) => {
  if (path.includes('/')) return true;
  if (entry.isDirectory()) return isGenerationName(path);
  if (!entry.isSymbolicLink()) return false;
  if (path === DATA_LINK || path === NEXT_DATA_LINK) return true;
  return linkTarget(`${directory}/${path}`) === visibleLinkTarget(path);
};

/** Of a target that holds a copy of exactly these files. */
export function isOfCopy(files: Iterable<string>): IsOurs {
  const paths = new Set(files);
  const directories = directoriesOf(paths);
  return (path, entry) => (entry.isDirectory() ? directories.has(path) : paths.has(path));
}

/** Gone already, mounted on, or with something in it that is not ours. */
const GONE_OR_FOREIGN: ReadonlySet<string> = new Set(['ENOENT', 'EBUSY', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EISDIR']);

function tolerating(errnos: ReadonlySet<string>, action: () => void): void {
  try {
    action();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || !errnos.has(errno)) throw error;
  }
}

/** Undefined when it has become something else meanwhile. */
function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, O_PATH | fs.O_DIRECTORY | fs.O_NOFOLLOW);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP') return undefined;
    throw error;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

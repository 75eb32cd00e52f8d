import { closeSync, constants as fs, lstatSync, openSync, renameSync } from 'node:fs';
import { errnoOf, toLanternError } from '../base/errors.ts';
import { tryLock } from '../mount/system-calls.ts';
import { MemoryDirectory } from './memory-directory.ts';

/** Locked for as long as anybody has it open. */
const LOCK = 'lock';

/** A new directory in memory that nobody takes for abandoned, until disposed; `fd` is what holds it. */
export type HeldDirectory = Disposable & { readonly directory: MemoryDirectory; readonly fd: number };

/** Makes one, as `MemoryDirectory.create`. A process that inherits the descriptor goes on holding it. */
export function holdDirectory(parents: readonly string[], purpose: string): HeldDirectory {
  const directory = MemoryDirectory.create(parents, purpose);
  try {
    const fd = lockIn(directory);
    return { directory, fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    directory[Symbol.dispose]();
    throw toLanternError(error, `lock the directory "${directory.path}"`);
  }
}

function lockIn(directory: MemoryDirectory): number {
  const unfinished = directory.at(`${LOCK}-unfinished`);
  const fd = openSync(unfinished, fs.O_CREAT | fs.O_EXCL | fs.O_RDWR, 0o600);
  tryLock(fd);
  // Under its name it is locked already: nobody can take it for abandoned.
  renameSync(unfinished, directory.at(LOCK));
  return fd;
}

/**
 * What the user's processes that were killed have left of one purpose: directories that nobody holds. Each is locked until
 * the next is asked for.
 */
export function* abandonedDirectories(
  parents: readonly string[],
  purpose: string,
  uid: number,
): Iterable<MemoryDirectory> {
  for (const directory of parents.flatMap((parent) => directoriesIn(parent, purpose, uid))) {
    const fd = openLock(directory);
    if (fd === undefined) continue;
    try {
      if (tryLock(fd)) yield directory;
    } finally {
      closeSync(fd);
    }
  }
}

/** Only the user can have put anything into them. */
function directoriesIn(parent: string, purpose: string, uid: number): MemoryDirectory[] {
  return MemoryDirectory.list(parent, purpose).filter(({ path }) => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats?.isDirectory() === true && stats.uid === uid;
  });
}

/** Undefined where there is none: the directory is being made, or taken away. */
function openLock(directory: MemoryDirectory): number | undefined {
  try {
    return openSync(directory.at(LOCK), fs.O_RDONLY | fs.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

import { closeSync, constants as fs, lstatSync, openSync, renameSync } from 'node:fs';
import { errnoOf, toLanternError } from '../base/errors.ts';
import { tryLock } from '../mount/system-calls.ts';
import { MemoryDirectory } from './memory-directory.ts';

/** What stands in the names of the directories of `exec`. */
const EXECUTION = 'exec';

/** Locked for as long as anybody has it open: `exec`, its command, and what that has started. */
const LOCK = 'lock';

/** A new directory of `exec` that nobody takes for abandoned, until disposed; `fd` is what holds it. */
export type HeldDirectory = Disposable & { readonly directory: MemoryDirectory; readonly fd: number };

/**
 * Makes one, as `MemoryDirectory.create`. The command inherits the descriptor: volumes of a command that outlives its
 * `exec` are not to be taken away.
 */
export function holdDirectory(parents: readonly string[]): HeldDirectory {
  const directory = MemoryDirectory.create(parents, EXECUTION);
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

/** The user's directories that nobody holds, as their `exec` was killed. Each is locked until the next is asked for. */
export function* abandonedDirectories(parents: readonly string[], uid: number): Iterable<MemoryDirectory> {
  for (const directory of parents.flatMap((parent) => directoriesIn(parent, uid))) {
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
function directoriesIn(parent: string, uid: number): MemoryDirectory[] {
  return MemoryDirectory.list(parent, EXECUTION).filter(({ path }) => {
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

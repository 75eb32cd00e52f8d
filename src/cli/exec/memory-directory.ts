import { closeSync, constants as fs, lstatSync, mkdtempSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LanternError, obstacleOf, toLanternError } from '../../base/errors.ts';
import { isInMemory } from '../../mount/host-file-systems.ts';
import { tryLock } from '../../mount/linux/system-calls.ts';

/**
 * A directory of this process's own, 0700, on a file system that lives in memory: what is written there reaches no
 * disk. Synchronous throughout, so that a signal's handler can remove it too. Removing it twice is fine.
 */
export class MemoryDirectory implements Disposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Below the first parent that is in memory and lets us in; throws `failed-precondition` when none does. `purpose`
   * stands in its name.
   */
  static create(parents: readonly string[], purpose: string): MemoryDirectory {
    const problems: string[] = [];
    for (const parent of parents) {
      const made = tryToMake(parent, purpose);
      if ('path' in made) return new MemoryDirectory(made.path);
      problems.push(`"${parent}" ${made.problem}`);
    }
    throw new LanternError(
      'failed-precondition',
      `create a temporary directory in memory: ${problems.join('; ')}; a secret is not written to a disk, so mount a tmpfs there`,
    );
  }

  /** What `create` has made for the purpose below this parent, whoever called it; nothing where it cannot be looked at. */
  static list(parent: string, purpose: string): MemoryDirectory[] {
    try {
      const names = readdirSync(parent).filter((name) => name.startsWith(prefixOf(purpose)));
      return names.map((name) => new MemoryDirectory(join(parent, name)));
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return [];
    }
  }

  at(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function tryToMake(parent: string, purpose: string): { readonly path: string } | { readonly problem: string } {
  try {
    // mkdtemp makes directories 0700.
    return isInMemory(parent) ? { path: mkdtempSync(join(parent, prefixOf(purpose))) } : { problem: 'is on a disk' };
  } catch (error) {
    return { problem: `cannot be used: ${obstacleOf(error)}` };
  }
}

function prefixOf(purpose: string): string {
  return `lantern-${purpose}-`;
}

/** Where such a directory may lie: below the user's own runtime directory, or in shared memory. */
export function memoryParents(environment: Readonly<Record<string, string | undefined>>): string[] {
  const runtime = environment.XDG_RUNTIME_DIR;
  return [...(runtime?.startsWith('/') ? [runtime] : []), '/dev/shm'];
}

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

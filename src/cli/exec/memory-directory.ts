import { closeSync, constants as fs, lstatSync, mkdtempSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LanternError, obstacleOf, toLanternError } from '../../base/errors.ts';
import { isInMemory } from '../../mount/host-file-systems.ts';
import { tryLock } from '../../mount/linux/system-calls.ts';

/** A directory, 0700, whose files reach no disk. It is synchronous, so that a signal handler can remove it. */
export class MemoryDirectory implements Disposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Uses the first parent that is in memory and writable. `failed-precondition` if none is. */
  static create(parents: readonly string[], purpose: string): MemoryDirectory {
    const problems: string[] = [];
    for (const parent of parents) {
      const made = tryToMake(parent, purpose);
      if ('path' in made) return new MemoryDirectory(made.path);
      problems.push(`"${parent}" ${made.problem}`);
    }
    throw new LanternError(
      'failed-precondition',
      `create a directory in memory: ${problems.join('; ')}; mount a tmpfs there, as secrets must not reach a disk`,
    );
  }

  /** Includes the directories of other processes. Empty if the parent cannot be read. */
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
    // mkdtemp sets the mode 0700.
    return isInMemory(parent) ? { path: mkdtempSync(join(parent, prefixOf(purpose))) } : { problem: 'is on a disk' };
  } catch (error) {
    return { problem: `cannot be used: ${obstacleOf(error)}` };
  }
}

function prefixOf(purpose: string): string {
  return `lantern-${purpose}-`;
}

export function memoryParents(environment: Readonly<Record<string, string | undefined>>): string[] {
  const runtime = environment.XDG_RUNTIME_DIR;
  return [...(runtime?.startsWith('/') ? [runtime] : []), '/dev/shm'];
}

/** Locked as long as any process has it open. */
const LOCK = 'lock';

/** In use until disposed. `fd` holds the lock. */
export type HeldDirectory = Disposable & { readonly directory: MemoryDirectory; readonly fd: number };

/** A child process that inherits the descriptor keeps the lock. */
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
  // Locked before it gets its name, so that no other process takes the directory for abandoned.
  renameSync(unfinished, directory.at(LOCK));
  return fd;
}

/** Yields the user's directories with locks that nobody holds. Each stays locked until the next one. */
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

/** Only the user can have written to these directories. */
function directoriesIn(parent: string, purpose: string, uid: number): MemoryDirectory[] {
  return MemoryDirectory.list(parent, purpose).filter(({ path }) => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats?.isDirectory() === true && stats.uid === uid;
  });
}

/** Undefined if there is none, because the directory is being created or removed. */
function openLock(directory: MemoryDirectory): number | undefined {
  try {
    return openSync(directory.at(LOCK), fs.O_RDONLY | fs.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LanternError, obstacleOf } from '../base/errors.ts';
import { isInMemory } from '../mount/direct-memory.ts';

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

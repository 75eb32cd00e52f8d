import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes the directory and those above it that are missing, with that mode; one that is there stays as it is. Node's own
 * `recursive` tries for ever where nothing can be made, as in /proc. Throws as `mkdirSync` does.
 */
export function makeDirectories(path: string, mode: number): void {
  const missing: string[] = [];
  for (let at = resolve(path); !isDirectory(at); at = dirname(at)) missing.push(at);
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each, { mode });
    } catch (error) {
      // Somebody else made it meanwhile, or something else is in the way.
      if (!isDirectory(each)) throw error;
    }
  }
}

function isDirectory(path: string): boolean {
  return path === '/' || statOf(path)?.isDirectory() === true;
}

/** What is no directory, or cannot be looked at, is found out by making the directory. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

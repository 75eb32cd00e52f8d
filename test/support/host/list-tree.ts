import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Every path below a directory, relative to it and sorted. Links are listed, never followed. */
export function listTree(directory: string): readonly string[] {
  // With file types, since without them Node looks through links.
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.map((entry) => relative(directory, join(entry.parentPath, entry.name))).sort();
}

import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { TOP } from '../../support/suite/compiled.ts';

/** A file of the checkout: its path from the top, its text, and the files of the checkout that it imports. */
export type SourceFile = { readonly path: string; readonly text: string; readonly imports: readonly string[] };

/** Every TypeScript file below a directory of the checkout, but for what builds generate. */
export function sourceFiles(directory: string): readonly SourceFile[] {
  return filesBelow(directory)
    .filter((path) => path.endsWith('.ts') && !path.startsWith('src/rpc/generated/'))
    .map((path) => {
      const text = readFileSync(join(TOP, path), 'utf8');
      return { path, text, imports: importsOf(path, text) };
    });
}

/** Paths from the top, dot files left out. */
export function filesBelow(directory: string): readonly string[] {
  return readdirSync(join(TOP, directory), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [path];
    });
}

/**
 * Relative imports and re-exports, types included, as paths from the top. The formatter sees to it that one pattern
 * fits all.
 */
export function importsOf(path: string, text: string): readonly string[] {
  const specifiers = text.matchAll(
    /^(?:import|export)\b[^;'"]*?\bfrom '(\.[^']*)'|\bimport\('(\.[^']*)'\)|^import '(\.[^']*)'/gm,
  );
  return [...specifiers].map(([, from, dynamic, bare]) => normalize(join(path, '..', from ?? dynamic ?? bare ?? '')));
}

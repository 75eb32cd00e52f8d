import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The checkout. */
export const TOP = resolve(import.meta.dirname, '../../..');

// Once for each process of tests: sources do not change under a run, and asking takes a process.
let isPrepared = false;

/**
 * The JavaScript of a source file, for a process of its own, since Node 20 cannot run TypeScript: given
 * `test/support/volume/writer-child.ts`, or any file below src, demo, bench and test/support, the absolute path of what
 * it was compiled to; of `src/main.ts`, the command itself, which is bundled. Compiles when something changed, once
 * also when many tests ask at the same time.
 *
 * @throws Error with the compiler's output
 */
export function compiled(source: `${string}.ts`): string {
  if (!isPrepared) {
    const bootstrap = join(TOP, 'scripts/bootstrap.mjs');
    const { status, stderr } = spawnSync(process.execPath, [bootstrap], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`cannot compile "${source}":\n${stderr}`);
    isPrepared = true;
  }
  if (source === 'src/main.ts') return join(TOP, 'dist/main.js');
  return join(TOP, '.cache/tools', source.replace(/\.ts$/, '.js'));
}

/** The directory of the live page as the command ships it. */
export function builtPage(): URL {
  compiled('src/main.ts');
  return pathToFileURL(join(TOP, 'dist/beside/page/'));
}

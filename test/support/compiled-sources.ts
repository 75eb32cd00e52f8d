import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TempDir } from './temp-dir.ts';

/**
 * `src` as JavaScript, for a process of its own (Node 20 cannot run TypeScript), readable by every user. Takes about a
 * second. Removed by `using`.
 */
export class CompiledSources implements Disposable {
  readonly #directory = new TempDir('/dev/shm');

  constructor() {
    const repository = resolve(import.meta.dirname, '../..');
    chmodSync(this.#directory.path, 0o755);
    writeFileSync(this.#directory.at('package.json'), '{"type":"module"}');
    symlinkSync(resolve(repository, 'node_modules'), this.#directory.at('node_modules'));
    const tsc = resolve(repository, 'node_modules/.bin/tsc');
    const output = ['--outDir', this.path];
    try {
      execFileSync(tsc, ['-p', 'tsconfig.build.json', ...output], { cwd: repository, encoding: 'utf8' });
    } catch (error) {
      // Types are another suite's concern; what matters is that there is something to run.
      if (!existsSync(this.path)) throw error;
    }
  }

  get path(): string {
    return this.#directory.at('dist');
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

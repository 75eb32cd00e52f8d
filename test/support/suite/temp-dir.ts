import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dirSync } from 'tmp';
import { tempDirPrefix } from '../../../scripts/test-run.mjs';

/**
 * A directory of the test's own; `using` removes it. On disk by default; `/dev/shm` for a memory file system. The
 * package removes nothing in a worker of vitest, which ends without the event `exit`: each test disposes of its own.
 */
export class TempDir implements Disposable {
  readonly path: string;
  readonly #remove: () => void;

  constructor(parent: string = tmpdir()) {
    const { name, removeCallback } = dirSync({
      tmpdir: parent,
      template: `${tempDirPrefix(process.env)}XXXXXX`,
      unsafeCleanup: true,
    });
    this.path = name;
    this.#remove = removeCallback;
  }

  /** A path inside. */
  at(...elements: readonly string[]): string {
    return join(this.path, ...elements);
  }

  [Symbol.dispose](): void {
    if (existsSync(this.path)) this.#remove();
  }
}

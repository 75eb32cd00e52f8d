import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tempDirPrefix } from '../../../scripts/test-run.mjs';

/** A directory of the test's own; `using` removes it. On disk by default; `/dev/shm` for a memory file system. */
export class TempDir implements Disposable {
  readonly path: string;

  constructor(parent: string = tmpdir()) {
    this.path = mkdtempSync(join(realpathSync(parent), tempDirPrefix(process.env)));
  }

  /** A path inside. */
  at(...elements: readonly string[]): string {
    return join(this.path, ...elements);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

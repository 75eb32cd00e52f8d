import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mountsBelow } from './daemon-harness.ts';
import { TempDir } from './temp-dir.ts';

/** A tmpfs of the test's own on a shared mount, as /run is under systemd: what is mounted in one namespace shows in the others. */
export class SharedMount implements Disposable {
  readonly #directory = new TempDir();

  constructor() {
    execFileSync('mount', ['-t', 'tmpfs', 'lantern-test', this.path]);
    execFileSync('mount', ['--make-rshared', this.path]);
    for (const name of ['run', 'volumes']) mkdirSync(this.at(name), { mode: 0o700 });
  }

  get path(): string {
    return this.#directory.path;
  }

  at(...elements: readonly string[]): string {
    return this.#directory.at(...elements);
  }

  [Symbol.dispose](): void {
    if (mountsBelow(this.path).length > 0) execFileSync('umount', ['--recursive', this.path]);
    this.#directory[Symbol.dispose]();
  }
}

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { compiled } from '../suite/compiled.ts';
import type { WatcherReport } from './volume-watcher-child.ts';

/** A process that watches the files of volumes; see volume-watcher-child.ts. Killed by `using`. */
export class VolumeWatcher implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(parents: readonly string[]) {
    const program = compiled('test/support/volume/volume-watcher-child.ts');
    this.#process = spawn(process.execPath, [program, ...parents], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Watches every volume in these directories. Resolves when each was looked at once. */
  static async of(...parents: readonly string[]): Promise<VolumeWatcher> {
    const watcher = new VolumeWatcher(parents);
    await watcher.#lines.next();
    return watcher;
  }

  /** Looks once more and ends. */
  async report(): Promise<WatcherReport> {
    this.#process.stdin.end();
    return JSON.parse(String((await this.#lines.next()).value)) as WatcherReport;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** `nobody` on every distribution that has one; no entry in /etc/passwd is needed. */
export const NOBODY = 65_534;

type Answer = { readonly value?: unknown; readonly error?: { readonly code: string; readonly message: string } };

/** A process without privileges that holds a DirectPublisher; see direct-driver.mjs for the commands. Killed by `using`. */
export class DirectDaemon implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(dist: string, runDirectory: string, flags: readonly string[] = []) {
    const driver = resolve(import.meta.dirname, 'direct-driver.mjs');
    // As root, setpriv also drops the supplementary groups, which spawn's own options keep.
    const asNobody =
      process.getuid?.() === 0 ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
    const [command = process.execPath, ...rest] = [...asNobody, process.execPath, driver, dist, runDirectory, ...flags];
    this.#process = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** The command's answer, an error as `{ error: { code, message } }`. */
  async ask(...command: readonly unknown[]): Promise<Answer> {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    return await this.next();
  }

  /** A further answer, of a command that gives many. */
  async next(): Promise<Answer> {
    const line = await this.#lines.next();
    if (line.done) throw new Error('the process ended without an answer');
    return JSON.parse(line.value) as Answer;
  }

  /** The command's value; fails for an error. */
  async do<T = unknown>(...command: readonly unknown[]): Promise<T> {
    const { value, error } = await this.ask(...command);
    if (error !== undefined) throw new Error(`${JSON.stringify(command)}: ${error.code}: ${error.message}`);
    return value as T;
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { compiled } from './compiled.ts';
import type { DirectCommands } from './direct-driver.ts';

type Answer<T> = { readonly value: T; readonly error?: { readonly code?: string; readonly message: string } };
/** Compiled once per test file: asking whether that is needed takes longer than a test. */
let driver: string | undefined;

type CommandName = keyof DirectCommands;

/** A process without privileges that holds a DirectPublisher; see direct-driver.ts for the commands. Killed by `using`. */
export class DirectDaemon implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(runDirectory: string, flags: readonly string[] = []) {
    driver ??= compiled('test/support/direct-driver.ts');
    this.#process = spawn(process.execPath, [driver, runDirectory, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** The command's answer, an error as `{ error: { code, message } }`. */
  async ask<N extends CommandName>(
    name: N,
    ...values: Parameters<DirectCommands[N]>
  ): Promise<Answer<ReturnType<DirectCommands[N]>>> {
    this.#process.stdin.write(`${JSON.stringify([name, ...values])}\n`);
    return (await this.next()) as Answer<ReturnType<DirectCommands[N]>>;
  }

  /** The command's value; fails for an error. */
  async do<N extends CommandName>(
    name: N,
    ...values: Parameters<DirectCommands[N]>
  ): Promise<ReturnType<DirectCommands[N]>> {
    const { value, error } = await this.ask(name, ...values);
    if (error !== undefined) throw new Error(`${name}: ${error.code}: ${error.message}`);
    return value;
  }

  /** A further answer, of a command that gives many. */
  async next(): Promise<Answer<unknown>> {
    const line = await this.#lines.next();
    if (line.done) throw new Error('the process ended without an answer');
    return JSON.parse(line.value) as Answer<unknown>;
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

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { compiled } from './compiled.ts';
import { TempDir } from './temp-dir.ts';

export type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/**
 * The real `lantern` in processes of its own: a daemon with the direct publisher, which needs no privilege, and any
 * number of commands that talk to it. Everything lies in one memory directory, which the end removes.
 */
export class CommandLine implements AsyncDisposable {
  // First: what fails to compile leaves no directory.
  readonly #program = compiled('src/main.ts');
  readonly #directory = new TempDir('/dev/shm');
  #daemon: ChildProcess | undefined;
  readonly #nodeFlags: readonly string[];

  /** `nodeFlags` are of every process, e.g. `--max-old-space-size=64`. */
  constructor(nodeFlags: readonly string[] = []) {
    this.#nodeFlags = nodeFlags;
    mkdirSync(this.at('targets'));
  }

  at(...elements: readonly string[]): string {
    return this.#directory.at(...elements);
  }

  /** A target path; its parent exists. */
  target(name: string): string {
    return this.at('targets', name);
  }

  /** Writes a file of the test's own and returns its path. */
  file(name: string, contents: string): string {
    writeFileSync(this.at(name), contents);
    return this.at(name);
  }

  /** Makes a directory of the test's own and returns its path. */
  directory(name: string): string {
    mkdirSync(this.at(name));
    return this.at(name);
  }

  get socket(): string {
    return this.at('run', 'lantern.sock');
  }

  /** Starts the daemon and resolves with the line it prints when it is ready. */
  async serve(...flags: readonly string[]): Promise<string> {
    const daemon = this.start('serve', '--run-dir', this.at('run'), '--publisher', 'direct', ...flags);
    this.#daemon = daemon;
    return await firstLine(daemon);
  }

  /** The daemon's. */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /** Ends the daemon in order; resolves with its exit code. */
  async stopServing(): Promise<number | null> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    return daemon === undefined ? null : await endOf(daemon, 'SIGTERM');
  }

  /** A command that runs until it is stopped. */
  start(...args: readonly string[]): ChildProcess {
    const own = { LANTERN_SOCKET: this.socket, LANTERN_DATA_DIR: this.at('data'), XDG_CONFIG_HOME: this.at('config') };
    const env = { ...process.env, ...own };
    return spawn(process.execPath, [...this.#nodeFlags, this.#program, ...args], { env });
  }

  async run(...args: readonly string[]): Promise<Outcome> {
    return await this.runWithInput('', ...args);
  }

  async runWithInput(input: string, ...args: readonly string[]): Promise<Outcome> {
    const child = this.start(...args);
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('a stream is missing');
    // A command that does not read its input may be gone before it is written.
    stdin.on('error', () => {});
    stdin.end(input);
    const [out, error, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')]);
    return { code, stdout: out, stderr: error };
  }

  /** The output of a successful command; any exit code but 0 fails the test. */
  async output(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`lantern ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopServing();
    this.#directory[Symbol.dispose]();
  }
}

/** The first line on stdout; a process that ends before fails the test with its output. */
export async function firstLine(child: ChildProcess): Promise<string> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('a stream is missing');
  const complaints = text(stderr);
  const ended = once(child, 'exit').then(async () => {
    throw new Error(`the process ended early: ${await complaints}`);
  });
  ended.catch(() => {});
  const [line] = await Promise.race([once(createInterface({ input: stdout }), 'line'), ended]);
  return String(line);
}

/** Sends the signal and resolves with the exit code; null when the signal itself ended the process. */
export async function endOf(child: ChildProcess, signal: 'SIGINT' | 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
  return child.exitCode;
}

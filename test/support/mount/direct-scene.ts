import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { isRoot, NOBODY } from '../host/privileges.ts';
import { compiled } from '../suite/compiled.ts';
import { TempDir } from '../suite/temp-dir.ts';
import type { ContentFile } from '../volume/volume-content.ts';
import type { DirectCommands } from './direct-driver.ts';

/** The contents of volumes by default. */
export const FILES = { 'a/b': 'one', c: { text: 'two', mode: 0o400 }, '.dot': '' } as const;

/** A place in memory that belongs to the unprivileged user: `run` for the daemon, `targets` for its targets. */
export class DirectScene implements AsyncDisposable {
  readonly directory: TempDir;
  readonly #daemons: DirectDaemon[] = [];

  constructor(parent = '/dev/shm') {
    this.directory = new TempDir(parent);
    chmodSync(this.directory.path, 0o755);
    for (const name of ['run', 'targets']) this.own(() => mkdirSync(this.directory.at(name), 0o700), name);
  }

  at(...path: readonly string[]): string {
    return this.directory.at('targets', ...path);
  }

  own(make: () => void, ...path: readonly string[]): void {
    make();
    if (isRoot) chownSync(this.directory.at(...path), NOBODY, NOBODY);
  }

  start(...flags: readonly string[]): DirectDaemon {
    const daemon = new DirectDaemon(this.directory.at('run'), flags);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** A daemon with the volume `v`, written and published nowhere yet. */
  async withVolume(files: Readonly<Record<string, ContentFile>> = FILES): Promise<DirectDaemon> {
    const daemon = this.start();
    await daemon.do('resume');
    await daemon.do('open', 'v');
    await daemon.do('write', 'v', files);
    return daemon;
  }

  /** Everything that must be gone at the end. */
  get leftovers(): readonly string[] {
    return [...readdirSync(this.at()), ...readdirSync(this.directory.at('run/direct'))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons) await daemon[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

type Answer<T> = { readonly value: T; readonly error?: { readonly code?: string; readonly message: string } };
/** Compiled once per test file: asking whether that is needed takes longer than a test. */
let driver: string | undefined;

type CommandName = keyof DirectCommands;

/**
 * A process without privileges that holds a DirectPublisher; see direct-driver.ts for the commands. Killed by `using`.
 */
export class DirectDaemon implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(runDirectory: string, flags: readonly string[] = []) {
    driver ??= compiled('test/support/mount/direct-driver.ts');
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

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, vi } from 'vitest';
import { compiled } from '../suite/compiled.ts';
import { TempDir } from '../suite/temp-dir.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

/** Starts each shell without files of the user. */
const START: Readonly<Record<Shell, readonly string[]>> = {
  bash: ['bash', '--norc', '--noprofile', '-i'],
  zsh: ['zsh', '-f', '-i'],
  fish: ['fish', '--no-config', '-i'],
};

/** Prepares the shell, and loads the script. */
const PREPARATION: Readonly<Record<Shell, string>> = {
  bash: 'source <(lantern completion bash)',
  zsh: 'autoload -Uz compinit && compinit -u -D && source <(lantern completion zsh)',
  fish: 'lantern completion fish | source',
};

/**
 * A shell that a user types into, with the script of `lantern completion`. In its PATH, `lantern` completes and prints
 * scripts; other commands are not run, but recorded as the shell passed them.
 */
export class ShellOnTerminal implements AsyncDisposable {
  readonly #directory = new TempDir();
  readonly #child: ChildProcess;
  #screen = '';
  #seen = 0;

  private constructor(shell: Shell, socket: string, preparation: string) {
    const program = this.#directory.at('lantern');
    const run = `exec '${process.execPath}' '${compiled('src/main.ts')}' "$@"`;
    writeFileSync(
      program,
      `#!/bin/sh\ncase $1 in __complete|completion) ${run};; esac\nprintf '%s\\0' "$@" >>'${this.#record}'\nprintf '\\n' >>'${this.#record}'\n`,
    );
    chmodSync(program, 0o755);
    const env = {
      PATH: `${this.#directory.at()}:${process.env.PATH}`,
      HOME: this.#directory.at(),
      SHELL: '/bin/sh',
      TERM: 'dumb',
      LANG: 'C.UTF-8',
      LANTERN_SOCKET: socket,
    };
    const command = `exec ${START[shell].map((word) => `'${word}'`).join(' ')}`;
    this.#child = spawn('script', ['-qfec', command, '/dev/null'], { env, cwd: this.#directory.at() });
    this.#child.stdout?.on('data', (bytes) => (this.#screen += String(bytes)));
    this.#child.stdin?.write(`${preparation}\rlantern ready\r`);
  }

  /** `preparation` comes before the script is loaded. */
  static async start(shell: Shell, socket: string, preparation = ''): Promise<ShellOnTerminal> {
    const started = new ShellOnTerminal(shell, socket, [preparation, PREPARATION[shell]].filter(Boolean).join('; '));
    expect(await started.#next()).toEqual(['ready']);
    return started;
  }

  get #record(): string {
    return this.#directory.at('record');
  }

  /** A path in the working directory of the shell. */
  at(name: string): string {
    return this.#directory.at(name);
  }

  /** In the working directory of the shell. */
  makeFile(name: string): void {
    writeFileSync(this.at(name), '');
  }

  makeDirectory(name: string): void {
    mkdirSync(this.at(name), { recursive: true });
  }

  /** The arguments that `lantern` gets from a line such as `lantern get s\t`. */
  async argumentsOf(line: string): Promise<readonly string[]> {
    this.#child.stdin?.write(`${line}\r`);
    return await this.#next();
  }

  async #next(): Promise<readonly string[]> {
    const at = this.#seen;
    const records = () => (existsSync(this.#record) ? readFileSync(this.#record, 'utf8').split('\0\n') : []);
    const isThere = () => {
      if (records().length <= at + 1)
        throw new Error(`the shell has not run the line: ${JSON.stringify(this.#screen)}`);
    };
    await vi.waitFor(isThere, { timeout: 15_000, interval: 20 });
    this.#seen = at + 1;
    return records()[at]?.split('\0') ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end('\x03\rexit\r');
    await ended;
    this.#directory[Symbol.dispose]();
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CommandLine } from '../support/suite/command-line.ts';
import { compiled } from '../support/suite/compiled.ts';

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

const WAITING = /waiting for missing objects, 60s at most: \d+s/;

/** A command on a terminal of its own, on which somebody can type. */
class OnTerminal {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  text = '';

  constructor(words: readonly string[], { redirection = '' } = {}) {
    const command = [process.execPath, compiled('src/main.ts'), ...words].map((word) => `'${word}'`).join(' ');
    // `script` runs the command in the user's shell, and some shells die of a Ctrl-C that their command outlives.
    const env = { ...process.env, SHELL: '/bin/sh', TERM: 'xterm', LANTERN_SOCKET: shell.socket };
    this.#child = spawn('script', ['-qfec', `stty cols 100 rows 40; exec ${command} ${redirection}`, '/dev/null'], {
      env,
    });
    this.#child.stdout?.on('data', (bytes) => (this.text += String(bytes)));
    this.#ended = once(this.#child, 'exit');
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async shows(text: RegExp): Promise<void> {
    await vi.waitFor(() => expect(this.text).toMatch(text), { timeout: 15_000, interval: 20 });
  }

  /** The exit code. */
  async end(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  /** As much of what is on the terminal as lines that are erased as a whole need. */
  get screen(): string[] {
    const lines: string[] = [''];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's own.
    for (const [token] of this.text.matchAll(/\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+/g)) {
      if (token === '\n') lines.push('');
      else if (token === '\x1b[1A') lines.pop();
      else if (token === '\x1b[2K') lines[lines.length - 1] = '';
      else if (!token.startsWith('\x1b') && token !== '\r') lines[lines.length - 1] += token;
    }
    return lines.filter((line) => line !== '');
  }
}

test('a wait is shown on the terminal, and nothing of it stays', async () => {
  const terminal = new OnTerminal(['mount', '--secret', 'late', shell.target('late'), '--wait', '60s']);
  await terminal.shows(WAITING);
  expect(terminal.screen.at(-1)).toMatch(WAITING);
  await shell.output('create', 'secret', 'generic', 'late', '--from-literal=a=b');
  expect(await terminal.end()).toBe(0);
  expect(terminal.screen).toEqual([expect.stringMatching(/^volume ".*" mounted at .*late \(1 file\)$/)]);
  // The cursor was never hidden.
  expect(terminal.text).not.toContain('\x1b[?25l');
});

test('Ctrl-C leaves the terminal as it was', async () => {
  const terminal = new OnTerminal(['mount', '--secret', 'never', shell.target('never'), '--wait', '60s']);
  await terminal.shows(WAITING);
  terminal.type('\x03');
  expect(await terminal.end()).toBe(1);
  expect(terminal.screen.map((line) => line.replace('^C', ''))).toEqual(['lantern: interrupted']);
  expect(terminal.text).not.toContain('\x1b[?25l');
});

test('what a pipe gets is the same, and the line is on the terminal', async () => {
  const file = shell.at('stdout');
  const words = ['mount', '--secret', 'piped', shell.target('piped'), '--wait', '60s'];
  const terminal = new OnTerminal(words, { redirection: `>'${file}'` });
  await terminal.shows(WAITING);
  await shell.output('create', 'secret', 'generic', 'piped', '--from-literal=a=b');
  expect(await terminal.end()).toBe(0);
  expect(terminal.screen).toEqual([]);
  expect(readFileSync(file, 'utf8')).toMatch(/^volume ".*" mounted at .*piped \(1 file\)\n$/);
});

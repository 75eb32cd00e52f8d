import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { errnoOf, LanternError, obstacleOf } from '../../base/errors.ts';
import { printable } from '../output/text.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How a command ended: what the process shall end with, and what a shell would say of one that never started. */
export type CommandEnding = { readonly exitCode: number; readonly problem?: string };

/** A command that was started, or that could not be. Exit codes are a shell's: 127 not found, 126 not executable. */
export type StartedCommand = { readonly child: ChildProcess | undefined; readonly ended: Promise<CommandEnding> };

/**
 * Starts it on this process's own stdin, stdout and stderr, with the descriptor `inherited` as its fourth. Synchronous: it
 * starts in the thread's mount namespace.
 */
export function startCommand(words: readonly string[], env: Environment, inherited: number): StartedCommand {
  const [file = '', ...args] = words;
  try {
    const child = spawn(file, args, { stdio: ['inherit', 'inherit', 'inherit', inherited], env });
    const ended = new Promise<CommandEnding>((resolve) => {
      child.once('error', (error) => resolve(notStarted(file, env, error)));
      child.once('exit', (code, signal) => resolve({ exitCode: code ?? 128 + numberOf(signal) }));
    });
    return { child, ended };
  } catch (error) {
    // Some errors of the system arrive as an event, the others here.
    if (errnoOf(error) === undefined) throw error;
    return { child: undefined, ended: Promise.resolve(notStarted(file, env, error)) };
  }
}

function notStarted(file: string, env: Environment, error: unknown): CommandEnding {
  const errno = errnoOf(error);
  // execvp(3) says EACCES also where a directory of PATH may not be searched; a shell says that there is no such command.
  const isFound = file.includes('/') || pathOf(env).some((directory) => existsSync(join(directory, file)));
  if (errno === 'ENOENT' || !isFound) return { exitCode: 127, problem: `"${printable(file)}": command not found` };
  const reason = errno === 'EACCES' ? 'it is not executable, or may not be executed' : obstacleOf(error);
  return { exitCode: 126, problem: `"${printable(file)}": cannot be run: ${reason}` };
}

function pathOf({ PATH = '' }: Environment): readonly string[] {
  return PATH.split(':').filter((directory) => directory !== '');
}

function numberOf(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}

const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/** What programs give a meaning of their own; unheard, all but the first end a process, and SIGUSR1 starts Node's debugger. */
const TELLING: readonly NodeJS.Signals[] = ['SIGWINCH', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'];

const RELAYED = [...ENDING, ...TELLING];

/** What a terminal sends to every process in its foreground, the command included. */
const SENT_TO_ALL: readonly string[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH'];

/**
 * Signals to this process, until disposed: they go to the command while it runs; before that, those that mean an end
 * abort `signal`; after it they are too late. Without it one would end the process before it has cleaned up.
 */
export class SignalRelay implements Disposable {
  readonly #interruption = new AbortController();
  readonly #listener = (name: NodeJS.Signals) => this.#pass(name);
  #child: ChildProcess | undefined;

  constructor() {
    for (const name of RELAYED) process.on(name, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  relayTo(child: ChildProcess | undefined): void {
    this.#child = child;
  }

  #pass(name: NodeJS.Signals): void {
    if (this.#child !== undefined) {
      // A second Ctrl-C makes many a program end at once.
      if (!SENT_TO_ALL.includes(name) || !isInForeground()) this.#child.kill(name);
    } else if (ENDING.includes(name)) {
      this.#interruption.abort(new LanternError('cancelled', 'exec: interrupted before the command was started'));
    }
  }

  [Symbol.dispose](): void {
    for (const name of RELAYED) process.off(name, this.#listener);
  }
}

/** Whether this process's group has the terminal, wherever stdin comes from. */
function isInForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // After the name in parentheses: state, parent, group, session, terminal, the terminal's foreground group.
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return group === foreground;
}

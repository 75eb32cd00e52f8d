import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { errnoOf, LanternError, obstacleOf } from '../../base/errors.ts';
import { printable } from '../output/text.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** `problem` is the error of a command that did not start, as a shell would print it. */
export type CommandEnding = { readonly exitCode: number; readonly problem?: string };

/** `child` is undefined if the command could not start. Exit codes as in a shell: 127 not found, 126 not executable. */
export type StartedCommand = { readonly child: ChildProcess | undefined; readonly ended: Promise<CommandEnding> };

/** `inherited` becomes descriptor 3. Synchronous, so that the command starts in the thread's mount namespace. */
export function startCommand(words: readonly string[], env: Environment, inherited: number): StartedCommand {
  const [file = '', ...args] = words;
  try {
    const child = spawn(file, args, { stdio: ['inherit', 'inherit', 'inherit', inherited], env });
    const ended = new Promise<CommandEnding>((resolve) => {
      child.once('error', (error) => resolve(notStarted(file, env, error)));
      child.once('exit', (code, signal) =>
        resolve({ exitCode: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) }),
      );
    });
    return { child, ended };
  } catch (error) {
    // Node reports some system errors by event and throws others.
    if (errnoOf(error) === undefined) throw error;
    return { child: undefined, ended: Promise.resolve(notStarted(file, env, error)) };
  }
}

function notStarted(file: string, env: Environment, error: unknown): CommandEnding {
  const errno = errnoOf(error);
  const directories = (env.PATH ?? '').split(':');
  // execvp(3) also fails with EACCES if a directory of PATH is not searchable. A shell then reports "not found".
  const isFound =
    file.includes('/') || directories.some((directory) => directory !== '' && existsSync(join(directory, file)));
  if (errno === 'ENOENT' || !isFound) return { exitCode: 127, problem: `"${printable(file)}": command not found` };
  const reason = errno === 'EACCES' ? 'permission denied' : obstacleOf(error);
  return { exitCode: 126, problem: `"${printable(file)}": cannot execute: ${reason}` };
}

const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/** Programs give these a meaning of their own. Without a handler, some end Node, and SIGUSR1 starts its debugger. */
const OTHER: readonly NodeJS.Signals[] = ['SIGWINCH', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'];

const RELAYED = [...ENDING, ...OTHER];

/** A terminal sends these to all processes in its foreground, and so to the command. */
const SENT_TO_ALL: readonly string[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH'];

/**
 * Signals go to the command while it runs. Before, ending signals abort `signal`; afterwards they are ignored. Without
 * this, a signal would end the process before it has cleaned up.
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
      // The terminal has sent it to the command already. A second Ctrl-C makes many programs end at once.
      if (!SENT_TO_ALL.includes(name) || !isInForeground()) this.#child.kill(name);
    } else if (ENDING.includes(name)) {
      this.#interruption.abort(new LanternError('cancelled', 'exec: interrupted before the command started'));
    }
  }

  [Symbol.dispose](): void {
    for (const name of RELAYED) process.off(name, this.#listener);
  }
}

/** True if this process's group is in the foreground of its terminal, wherever stdin comes from. */
function isInForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // Fields after the name in parentheses: state, parent, group, session, terminal, foreground group.
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return group === foreground;
}

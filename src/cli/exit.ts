import { CommanderError } from 'commander';
import { type Fault, LanternError } from '../base/errors.ts';
import { printable } from './output/text.ts';

/** What the process ends with: 0 done, 1 failed, 2 wrong usage; of `exec`, what its command ended with. */
type ExitCode = number;

/** How a command ended, and what to say on stderr. */
export type Ending = { readonly exitCode: ExitCode; readonly message: string | undefined };

const DONE: Ending = { exitCode: 0, message: undefined };

/** A command line that cannot be meant; `message` says what is wrong with it. Ends the process with 2. */
export function wrongUsage(message: string): CommanderError {
  return new CommanderError(2, 'lantern.wrongUsage', message);
}

/** A command did part of its work and has complained about the rest itself. Ends the process with 1. */
export const PARTLY_FAILED = new CommanderError(1, 'lantern.partlyFailed', '');

/** Ends the process with the exit code of a command that it ran; that command has said what there is to say. */
export function commandEnded(exitCode: ExitCode): CommanderError {
  return new CommanderError(exitCode, COMMAND_ENDED, '');
}

const COMMAND_ENDED = 'lantern.commandEnded';

/** Any thrown thing as an exit code and what to print; the one place where that is decided. */
export function endingOf(error: unknown, interrupted: boolean): Ending {
  if (error === PARTLY_FAILED) return { exitCode: 1, message: undefined };
  if (error instanceof CommanderError) return endingOfCommander(error);
  if (interrupted && isCancellation(error)) return { exitCode: 1, message: 'interrupted' };
  if (!(error instanceof LanternError)) return { exitCode: 1, message: `an unexpected error: ${describe(error)}` };
  return { exitCode: 1, message: error.faults.length > 1 ? listFaults(error.faults) : printable(error.message) };
}

function isCancellation(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'cancelled'));
}

function endingOfCommander(error: CommanderError): Ending {
  // Help or version, as asked for.
  if (error.exitCode === 0) return DONE;
  if (error.code === COMMAND_ENDED) return { exitCode: error.exitCode, message: undefined };
  // `lantern` alone: commander has printed the help all the same.
  if (error.code === 'commander.help') return { exitCode: 2, message: undefined };
  return { exitCode: 2, message: error.message };
}

/** One line; several faults are a line each below a heading. */
export function listFaults(faults: readonly Fault[]): string {
  const lines = faults.map(({ field, message }) => printable(field ? `${field}: ${message}` : message));
  return lines.length === 1
    ? lines.join()
    : [`${lines.length} faults:`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Name, errno and place, not the message: it may quote what was read. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const errno = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const stack = error.stack ?? '';
  // The stack starts with the message, whose lines may look like places.
  const frames = stack.slice(stack.indexOf(error.message) + error.message.length);
  const place = /^ {4}at .*?([^/(\s]+:\d+:\d+)\)?$/m.exec(frames)?.[1];
  return `${error.name}${errno}${place === undefined ? '' : ` at ${place}`}; this is a bug`;
}

import { CommanderError } from 'commander';
import { type Fault, LanternError } from '../base/errors.ts';
import { printable } from './output/text.ts';

/** 0 done, 1 failed, 2 wrong usage. `lantern exec` ends with the exit code of its command. */
type ExitCode = number;

/** `message` goes to stderr before the process ends. */
export type Ending = { readonly exitCode: ExitCode; readonly message: string | undefined };

const DONE: Ending = { exitCode: 0, message: undefined };

/** An invalid command line. Ends the process with 2. */
export function wrongUsage(message: string): CommanderError {
  return new CommanderError(2, 'lantern.wrongUsage', message);
}

/** The errors of the failed items are printed already. Ends the process with 1. */
export const PARTLY_FAILED = new CommanderError(1, 'lantern.partlyFailed', '');

const COMMAND_ENDED = 'lantern.commandEnded';

/** For `lantern exec`, whose command has printed its own errors, and for `lantern diff`. */
export function commandEnded(exitCode: ExitCode): CommanderError {
  return new CommanderError(exitCode, COMMAND_ENDED, '');
}

/** For `lantern diff`, of which 1 says that there are differences: any error ends the process with 2. */
export function asTrouble(error: unknown, interrupted: boolean): CommanderError {
  const { message } = endingOf(error, interrupted);
  return message === undefined ? commandEnded(2) : new CommanderError(2, 'lantern.trouble', message);
}

/** Errors that would meet every further item as well. */
const GENERAL = ['unavailable', 'cancelled', 'deadline-exceeded'];

/** As with kubectl, the next items follow an error. False if there was one: the caller throws `PARTLY_FAILED` later. */
export async function forEach<T>(
  { complain }: { readonly complain: (text: string) => void },
  items: readonly T[],
  action: (item: T) => Promise<void>,
): Promise<boolean> {
  let allWell = true;
  for (const item of items) {
    try {
      await action(item);
    } catch (error) {
      const complaint = toComplaint(error);
      if (complaint === undefined) throw error;
      allWell = false;
      complain(complaint);
    }
  }
  return allWell;
}

/** The line for an error that concerns one item; undefined for others. */
export function toComplaint(error: unknown): string | undefined {
  const isOfItem = error instanceof LanternError && !GENERAL.includes(error.code);
  return isOfItem ? `lantern: ${printable(error.message)}` : undefined;
}

/** The only place that decides exit codes. */
export function endingOf(error: unknown, interrupted: boolean): Ending {
  if (error === PARTLY_FAILED) return { exitCode: 1, message: undefined };
  if (error instanceof CommanderError) return endingOfCommander(error);
  if (interrupted && isCancellation(error)) return { exitCode: 1, message: 'interrupted' };
  if (!(error instanceof LanternError)) return { exitCode: 1, message: `unexpected error: ${describe(error)}` };
  return { exitCode: 1, message: error.faults.length > 1 ? listFaults(error.faults) : printable(error.message) };
}

function isCancellation(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'cancelled'));
}

function endingOfCommander(error: CommanderError): Ending {
  // Help or version was requested.
  if (error.exitCode === 0) return DONE;
  if (error.code === COMMAND_ENDED) return { exitCode: error.exitCode, message: undefined };
  // `lantern` without a command: commander has printed the help.
  if (error.code === 'commander.help') return { exitCode: 2, message: undefined };
  return { exitCode: 2, message: error.message };
}

/** Several faults are listed below a heading. */
export function listFaults(faults: readonly Fault[]): string {
  const lines = faults.map(({ field, message }) => printable(field ? `${field}: ${message}` : message));
  return lines.length === 1
    ? lines.join()
    : [`${lines.length} faults:`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Name, errno and source line, but not the message, which may quote secret input. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const errno = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const stack = error.stack ?? '';
  // The stack starts with the message, and a line of it may look like a frame.
  const frames = stack.slice(stack.indexOf(error.message) + error.message.length);
  const place = /^ {4}at .*?([^/(\s]+:\d+:\d+)\)?$/m.exec(frames)?.[1];
  return `${error.name}${errno}${place === undefined ? '' : ` at ${place}`}; this is a bug`;
}

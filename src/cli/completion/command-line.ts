import type { Command, Option } from 'commander';
import { IF_NONE_IS_NAMED } from '../command.ts';
import { flagsIn, isValueOf, pendingAfter } from '../pflag-command.ts';

/** A command line before the word to complete. */
export type CommandLine = {
  /** The innermost command that is named. */
  readonly command: Command;
  /** The given values; empty for switches. */
  readonly options: ReadonlyMap<Option, string>;
  /** Without the names of commands. */
  readonly operands: readonly string[];
  /** The option that takes the word to complete as its value. */
  readonly pending: Option | undefined;
  /** True after `--`. */
  readonly isPastOptions: boolean;
};

/** Adds options, arguments and subcommands to a command that has only its name and summary. */
export type Load = (command: Command) => Promise<void>;

/** Reads words as commander would. Never fails: unknown options are ignored. */
export async function readCommandLine(program: Command, words: readonly string[], load: Load): Promise<CommandLine> {
  let command = program;
  let pending: Option | undefined;
  let isPastOptions = false;
  const options = new Map<Option, string>();
  const operands: string[] = [];
  for (const word of words) {
    if (pending !== undefined && isValueOf(pending, word)) {
      options.set(pending, word);
      pending = undefined;
      continue;
    }
    pending = undefined;
    if (isPastOptions) operands.push(word);
    else if (word === '--') isPastOptions = true;
    else if (word.length > 1 && word.startsWith('-')) {
      const flags = flagsIn(word, optionsOf(command));
      for (const { option, value } of flags) options.set(option, value ?? '');
      pending = pendingAfter(flags);
    } else {
      const child = operands.length === 0 ? findChild(command, word) : undefined;
      if (child !== undefined) await load(child);
      if (child === undefined) operands.push(word);
      else command = child;
    }
  }
  return { command, options, operands, pending, isPastOptions };
}

function findChild(command: Command, word: string): Command | undefined {
  return command.commands.find((child) => child.name() === word || child.aliases().includes(word));
}

/** Options of the command, of the one below it that need not be named, and of those above it. */
export function optionsOf(command: Command): readonly Option[] {
  const above = command.parent === null ? [] : optionsOf(command.parent);
  return [...command.options, ...(unnamedBelow(command)?.options ?? []), ...above];
}

export function unnamedBelow(command: Command): Command | undefined {
  return command.commands.find((below) => below.name() === IF_NONE_IS_NAMED);
}

/** The last value given for the flag, such as `--namespace`. */
export function givenValue({ options }: CommandLine, flag: `--${string}`): string | undefined {
  return [...options].find(([option]) => option.long === flag)?.[1];
}

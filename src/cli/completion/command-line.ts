import type { Command, Option } from 'commander';
import { IF_NONE_IS_NAMED } from '../command.ts';

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
    if (pending !== undefined && !isSkipped(pending, word)) {
      options.set(pending, word);
      pending = undefined;
      continue;
    }
    pending = undefined;
    if (isPastOptions) operands.push(word);
    else if (word === '--') isPastOptions = true;
    else if (word.length > 1 && word.startsWith('-')) pending = readFlags(command, word, options);
    else {
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

/** An optional value is never a flag. */
function isSkipped(option: Option, word: string): boolean {
  return option.optional && word.startsWith('-');
}

/** Reads `--flag`, `--flag=VALUE`, `-f`, `-fVALUE`, `-f=VALUE` or `-abf`. Returns the option whose value comes next. */
function readFlags(command: Command, word: string, options: Map<Option, string>): Option | undefined {
  const known = optionsOf(command);
  if (word.startsWith('--')) {
    const [, flag, value] = /^(--[^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const option = known.find(({ long }) => long === flag);
    if (option === undefined) return undefined;
    options.set(option, value ?? '');
    return takesValue(option) && value === undefined ? option : undefined;
  }
  for (let at = 1; at < word.length; at += 1) {
    const option = known.find(({ short }) => short === `-${word[at]}`);
    if (option === undefined) return undefined;
    const value = takesValue(option) ? word.slice(at + 1).replace(/^=/, '') : '';
    options.set(option, value);
    if (takesValue(option)) return value === '' ? option : undefined;
  }
  return undefined;
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

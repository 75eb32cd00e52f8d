import type { Command } from 'commander';
import type { Cli } from '../command.ts';
import { socketOf } from '../with-daemon.ts';
import { quoteForBash, splitBashLine } from './bash-words.ts';
import { type Candidate, type Completion, complete } from './candidates.ts';
import { type CommandLine, givenValue, type Load } from './command-line.ts';
import { DaemonNames } from './daemon-names.ts';

type Request = {
  readonly shell: string;
  /** From bash the line up to the cursor and COMP_WORDBREAKS; otherwise the words behind `lantern`, without quotes. */
  readonly words: readonly string[];
  readonly load: Load;
};

/**
 * Prints a line `FALLBACK OFFSET open|closed`, then a line for each candidate. For bash it is quoted; for other shells
 * a tab and a description follow. Prints nothing if nothing can be completed.
 */
export async function printCompletions(cli: Cli, program: Command, { shell, words, load }: Request): Promise<void> {
  const namesFor = (line: CommandLine) => new DaemonNames(cli, () => socketFor(cli, program, line));
  if (shell !== 'bash') {
    const completion = await complete(program, words, namesFor, load);
    return print(cli, completion, completion.candidates, ({ value, help }) => `${value}\t${help}`);
  }
  const [line = '', breaks = ''] = words;
  const split = splitBashLine(line, breaks);
  const completion = await complete(program, split.words.slice(1), namesFor, load);
  // Bash shows what it is given, whether or not it begins with the word.
  const fitting = completion.candidates.filter(({ value }) => value.startsWith(split.words.at(-1) ?? ''));
  print(cli, completion, fitting, ({ value }) => quoteForBash(value.slice(split.kept.length), split.quote));
}

function print(
  { terminal }: Cli,
  { fallback, offset, isOpen }: Completion,
  candidates: readonly Candidate[],
  lineFor: (candidate: Candidate) => string,
): void {
  if (candidates.length === 0 && fallback === 'none') return;
  const isOnlyStarts = isOpen || (candidates.length > 0 && candidates.every(({ value }) => value.endsWith('=')));
  const open = isOnlyStarts ? 'open' : 'closed';
  terminal.print([`${fallback} ${offset} ${open}`, ...candidates.map(lineFor)].join('\n'));
}

/** The line's own --socket wins. */
function socketFor(cli: Cli, program: Command, line: CommandLine): string {
  const named = givenValue(line, '--socket');
  return named === undefined || named === '' ? socketOf(cli, program) : named;
}

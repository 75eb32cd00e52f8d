import type { Command } from 'commander';
import type { Clock } from '../base/clock.ts';
import type { User } from '../config/run-directory.ts';
import { PflagCommand } from './pflag-command.ts';
import type { Terminal } from './terminal.ts';

export type Cli = {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  readonly clock: Clock;
  /** Aborts when the process receives an ending signal. */
  readonly signal: AbortSignal;
};

/** The command below another that is meant if none is named, as in `create -f FILE`. */
export const IF_NONE_IS_NAMED = 'manifests';

export function defineCommand(name: string, summary: string, examples: readonly string[]): Command {
  return withExamples(new PflagCommand(name).description(summary), examples);
}

export function withExamples(command: Command, examples: readonly string[]): Command {
  const heading = examples.length === 1 ? 'Example:' : 'Examples:';
  return command.addHelpText('after', ['', heading, ...examples.map((example) => `  $ ${example}`)].join('\n'));
}

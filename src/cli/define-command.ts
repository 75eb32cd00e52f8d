import { Command, Option } from 'commander';
import type { Clock } from '../base/clock.ts';
import type { User } from '../config/run-directory.ts';
import type { Terminal } from './terminal.ts';

/** A command below another one. */
export function defineCommand(name: string, summary: string, examples: readonly string[]): Command {
  return withExamples(new Command(name).description(summary), examples);
}

/** Adds examples to the end of a command's help. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  const heading = examples.length === 1 ? 'Example:' : 'Examples:';
  return command.addHelpText('after', ['', heading, ...examples.map((example) => `  $ ${example}`)].join('\n'));
}

/** `-n`, for commands about one namespace. */
export function namespaceOption(help = 'namespace (default: "default")'): Option {
  return new Option('-n, --namespace <NAME>', help);
}

/** `-o`, one of the given formats. */
export function outputOption<Format extends string>(...formats: readonly Format[]): Option {
  return new Option('-o, --output <FORMAT>', 'format for programs').choices(formats);
}

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** What every command has at hand. */
export type Cli = {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  readonly clock: Clock;
  /** Aborts when the process shall end. */
  readonly signal: AbortSignal;
};

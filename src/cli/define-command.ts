import { Command, Option } from 'commander';

/** A command with its line in the list of commands, and examples for its help. */
export function defineCommand(name: string, summary: string, examples: readonly string[]): Command {
  const heading = examples.length === 1 ? 'Example:' : 'Examples:';
  return new Command(name)
    .description(summary)
    .addHelpText('after', ['', heading, ...examples.map((example) => `  $ ${example}`)].join('\n'));
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

import { Argument, type Command } from 'commander';
import { type Cli, withExamples } from '../command.ts';
import { SHELL_SCRIPTS, SHELLS } from '../completion/shell-scripts.ts';

/** The script calls `lantern __complete` for each completion, so it need not be made again for a newer version. */
export function completionCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'source <(lantern completion bash)',
    'alias l=lantern && complete -F _lantern l',
    'lantern completion bash > ~/.local/share/bash-completion/completions/lantern',
    'lantern completion zsh > "$fpath[1]/_lantern"',
    'lantern completion fish > ~/.config/fish/completions/lantern.fish',
  ])
    .addArgument(new Argument('<SHELL>', 'the shell').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => cli.terminal.print(SHELL_SCRIPTS[shell].trimEnd()));
}

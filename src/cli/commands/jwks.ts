import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define-command.ts';
import { formatJson } from '../output/structured.ts';
import { withDaemon } from '../with-daemon.ts';

/** `lantern jwks`: the public keys of the tokens that the daemon signs, as a JSON Web Key Set. */
export function jwksCommand(cli: Cli): Command {
  return defineCommand('jwks', "Print the public keys that the daemon's tokens verify with.", [
    'lantern jwks > /etc/verifier/keys.json',
  ]).action(async (_options: object, command: Command) => {
    const { jwksJson } = await withDaemon(cli, command, (daemon) => daemon.tokens.getKeys({}, { signal: cli.signal }));
    cli.terminal.print(formatJson(JSON.parse(jwksJson)));
  });
}

import type { Command } from 'commander';
import { type Cli, defineCommand } from '../define-command.ts';
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

/** `lantern rotate-signing-key`: prints the id of the key that signs from now on. */
export function rotateSigningKeyCommand(cli: Cli): Command {
  return defineCommand(
    'rotate-signing-key',
    'Sign tokens with a new key from now on; those signed before stay good until they expire.',
    ['lantern rotate-signing-key'],
  ).action(async (_options: object, command: Command) => {
    const { keyId } = await withDaemon(cli, command, (daemon) => daemon.tokens.rotateKey({}, { signal: cli.signal }));
    cli.terminal.print(keyId);
  });
}

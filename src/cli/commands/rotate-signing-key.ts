import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define-command.ts';
import { withDaemon } from '../with-daemon.ts';

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

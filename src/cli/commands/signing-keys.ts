import type { Command } from 'commander';
import { type Cli, withExamples } from '../command.ts';
import { formatJson } from '../output/structured.ts';
import { withDaemon } from '../with-daemon.ts';

export function jwksCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern jwks > /etc/verifier/keys.json']).action(async () => {
    const { jwksJson } = await withDaemon(cli, command, (daemon) => daemon.tokens.getKeys({}, { signal: cli.signal }));
    cli.terminal.print(formatJson(JSON.parse(jwksJson)));
  });
}

export function rotateSigningKeyCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern rotate-signing-key']).action(async () => {
    const { keyId } = await withDaemon(cli, command, (daemon) => daemon.tokens.rotateKey({}, { signal: cli.signal }));
    cli.terminal.print(keyId);
  });
}

import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define-command.ts';
import { createConfigMapCommand } from './create-config-map.ts';
import { createSecretCommand } from './create-secret.ts';
import { createServiceAccountCommand } from './create-service-account.ts';
import { createTokenCommand } from './create-token.ts';

/** `lantern create`: an object from files and values instead of a manifest; and tokens. */
export function createCommand(cli: Cli): Command {
  return defineCommand(
    'create',
    'Create a Secret or a ConfigMap from files and values, a ServiceAccount, or a token.',
    [
      'lantern create secret generic db-user-pass --from-file=./username.txt --from-file=./password.txt',
      'lantern create secret tls web --cert=tls.crt --key=tls.key',
      'lantern create configmap settings --from-literal=colour=blue --dry-run=client -o yaml',
    ],
  )
    .addCommand(createSecretCommand(cli))
    .addCommand(createConfigMapCommand(cli))
    .addCommand(createServiceAccountCommand(cli))
    .addCommand(createTokenCommand(cli));
}

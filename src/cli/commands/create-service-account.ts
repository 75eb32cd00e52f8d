import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addPlainCreateOptions, createObject, type PlainCreateOptions } from '../create-object.ts';
import { defineCommand } from '../define-command.ts';

/** `lantern create serviceaccount`: one without Secrets, as with kubectl; what it shall have is applied later. */
export function createServiceAccountCommand(cli: Cli): Command {
  const command = defineCommand('serviceaccount', 'Create a ServiceAccount.', [
    'lantern create serviceaccount builder',
    'lantern create serviceaccount builder -n team-a --dry-run=client -o yaml',
  ])
    .alias('sa')
    .argument('<NAME>', 'name of the ServiceAccount');
  return addPlainCreateOptions(command).action(async (name: string, options: PlainCreateOptions) => {
    const metadata = { name, namespace: options.namespace ?? 'default', labels: new Map(), annotations: new Map() };
    const body = { secrets: [], imagePullSecrets: [], automountServiceAccountToken: undefined };
    await createObject(cli, command, { kind: 'ServiceAccount', metadata, ...body }, options);
  });
}

import type { Command } from 'commander';
import type { RegistryCredential__Output as Credential } from '../../rpc/generated/lantern/v1/RegistryCredential.ts';
import { type Cli, collect, namespaceOption, outputOption, withExamples } from '../define-command.ts';
import { formatJson } from '../output/structured.ts';
import { noticeLine } from '../output/text.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly secret?: readonly string[];
  readonly serviceAccount?: string;
  readonly namespace?: string;
  readonly output?: 'json';
};

/** `lantern registry-auth`: what to log in with for pulling an image, password and all, on stdout. */
export function registryAuthCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern registry-auth registry.example/team/app --secret myregistrykey > "$DOCKER_CONFIG/config.json"',
    'lantern registry-auth registry.example/team/app --service-account builder -o json',
  ])
    .argument('<IMAGE>', 'the image to pull')
    .option('--secret <NAME>', "an image pull secret of the pod's own; may be repeated", collect)
    .option('--service-account <NAME>', 'whose image pull secrets to use where no --secret is given')
    .addOption(namespaceOption())
    .addOption(outputOption('json'))
    .action(async (image: string, options: Options) => {
      const request = {
        image,
        namespace: options.namespace ?? '',
        imagePullSecrets: [...(options.secret ?? [])],
        serviceAccountName: options.serviceAccount ?? '',
      };
      const { registry, credentials, notices } = await withDaemon(cli, command, (daemon) =>
        daemon.projector.resolveRegistryCredentials(request, { signal: cli.signal }),
      );
      for (const notice of notices) cli.terminal.complain(noticeLine(notice));
      if (credentials.length === 0) cli.terminal.complain(`warning: there is no login for "${image}"`);
      const json = options.output === 'json' ? listOf(registry, credentials) : dockerConfig(registry, credentials[0]);
      cli.terminal.print(formatJson(json));
    });
}

/** Every login, in the order to try them. */
function listOf(registry: string, credentials: readonly Credential[]): unknown {
  const logins = credentials.map(({ match, username, password, secretName }) => {
    return { match, username, password, secretName };
  });
  return { registry, credentials: logins };
}

/** Docker looks a login up by the image's registry; its own registry has a name of its own. */
function dockerConfig(registry: string, best: Credential | undefined): unknown {
  if (best === undefined) return { auths: {} };
  const server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
  return { auths: { [server]: { auth: Buffer.from(`${best.username}:${best.password}`).toString('base64') } } };
}

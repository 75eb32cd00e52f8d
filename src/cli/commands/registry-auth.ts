import type { Command } from 'commander';
import type { RegistryCredential__Output as Credential } from '../../rpc/generated/lantern/v1/RegistryCredential.ts';
import { type Cli, withExamples } from '../command.ts';
import { collect, type NamespaceOptions, namespaceOption, outputOption } from '../options.ts';
import { formatJson } from '../output/structured.ts';
import { noticeLine } from '../output/text.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = NamespaceOptions & {
  readonly secret?: readonly string[];
  readonly serviceAccount?: string;
  readonly output?: 'json';
};

/** SECRET: prints passwords on stdout. */
export function registryAuthCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern registry-auth registry.example/team/app --secret myregistrykey > "$DOCKER_CONFIG/config.json"',
    'lantern registry-auth registry.example/team/app --service-account builder -o json',
  ])
    .argument('<IMAGE>', 'the image to pull')
    .option('--secret <NAME>', 'image pull secret of the pod; may be repeated', collect)
    .option('--service-account <NAME>', 'account whose image pull secrets are used without --secret')
    .addOption(namespaceOption())
    .addOption(outputOption('json'))
    .action(async (image: string, options: Options) => {
      const request = {
        image,
        namespace: options.currentNamespace,
        imagePullSecrets: [...(options.secret ?? [])],
        serviceAccountName: options.serviceAccount ?? '',
      };
      const { registry, credentials, notices } = await withDaemon(cli, command, (daemon) =>
        daemon.projector.resolveRegistryCredentials(request, { signal: cli.signal }),
      );
      for (const notice of notices) cli.terminal.complain(noticeLine(notice));
      if (credentials.length === 0) cli.terminal.complain(`warning: no credentials for "${image}"`);
      const json = options.output === 'json' ? listOf(registry, credentials) : dockerConfig(registry, credentials[0]);
      cli.terminal.print(formatJson(json));
    });
}

/** In the order in which to try them. */
function listOf(registry: string, credentials: readonly Credential[]): unknown {
  const logins = credentials.map(({ match, username, password, secretName }) => {
    return { match, username, password, secretName };
  });
  return { registry, credentials: logins };
}

/** Docker looks up credentials by the image's registry. Docker Hub has a special name. */
function dockerConfig(registry: string, best: Credential | undefined): unknown {
  if (best === undefined) return { auths: {} };
  const server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
  return { auths: { [server]: { auth: Buffer.from(`${best.username}:${best.password}`).toString('base64') } } };
}

import { Command } from 'commander';
import { invalid } from '../../base/errors.ts';
import { nameSuffix } from '../../objects/name-suffix.ts';
import type { ObjectDraft } from '../../objects/object.ts';
import { DOCKER_CONFIG_KEY, registryConfig } from '../../objects/registry-config.ts';
import { problemOfTlsPair } from '../../objects/tls-pair.ts';
import type { Cli } from '../cli.ts';
import { addCreateOptions, type CreateOptions, createObject } from '../create-object.ts';
import { defineCommand } from '../define-command.ts';
import { wrongUsage } from '../exit.ts';
import { readBytes } from '../input-files.ts';
import { addValueOptions, readableArgument, readValues, type ValueOptions } from '../object-values.ts';

/** `lantern create secret generic|tls|docker-registry`. */
export function createSecretCommand(cli: Cli): Command {
  return new Command('secret')
    .description('Create a Secret from files, literal values or credentials.')
    .addCommand(genericCommand(cli))
    .addCommand(tlsCommand(cli))
    .addCommand(dockerRegistryCommand(cli));
}

type GenericOptions = CreateOptions & ValueOptions & { readonly type?: string };

function genericCommand(cli: Cli): Command {
  const command = defineCommand('generic', 'Create a Secret from files, directories or literal values.', [
    'lantern create secret generic db-user-pass --from-file=./username.txt --from-file=./password.txt',
    'read -rs PW && printf %s "$PW" | lantern create secret generic db --from-file=password=-',
  ])
    .argument('<NAME>', 'name of the Secret')
    .option('--type <TYPE>', 'type of the Secret (default: "Opaque")');
  return addCreateOptions(addValueOptions(command)).action(async (name: string, options: GenericOptions) => {
    const data = await readValues(options, cli);
    await createObject(cli, command, secretDraft(name, options.type ?? '', data, options), options);
  });
}

type TlsOptions = CreateOptions & { readonly cert: string; readonly key: string };

function tlsCommand(cli: Cli): Command {
  const command = defineCommand('tls', 'Create a Secret from a certificate and its private key, both PEM.', [
    'lantern create secret tls web --cert=tls.crt --key=tls.key',
  ])
    .argument('<NAME>', 'name of the Secret')
    .requiredOption('--cert <PATH>', 'the certificate, with its chain behind it')
    .requiredOption('--key <PATH>', 'its private key');
  return addCreateOptions(command).action(async (name: string, options: TlsOptions) => {
    const certificate = await readBytes(options.cert, cli.terminal);
    const key = await readBytes(options.key, cli.terminal);
    const problem = problemOfTlsPair(certificate, key);
    if (problem !== undefined) throw invalid([{ field: `"${options.cert}" and "${options.key}"`, message: problem }]);
    const data = new Map([
      ['tls.crt', certificate],
      ['tls.key', key],
    ]);
    await createObject(cli, command, secretDraft(name, 'kubernetes.io/tls', data, options), options);
  });
}

type RegistryOptions = CreateOptions & {
  readonly dockerServer: string;
  readonly dockerUsername?: string;
  readonly dockerPassword?: string;
  readonly dockerEmail?: string;
  readonly fromFile?: string;
};

function dockerRegistryCommand(cli: Cli): Command {
  const command = defineCommand('docker-registry', 'Create a Secret for pulling images from a registry.', [
    'lantern create secret docker-registry pull --from-file=config.json',
    'lantern create secret docker-registry pull --docker-server=registry.example --docker-username=me --docker-password=-',
  ])
    .argument('<NAME>', 'name of the Secret')
    .option('--docker-server <SERVER>', 'the registry', 'https://index.docker.io/v1/')
    .option('--docker-username <NAME>', 'name to log in with')
    .option(
      '--docker-password <PASSWORD|->',
      'password to log in with; "-" reads it from stdin, out of sight of others',
    )
    .option('--docker-email <EMAIL>', 'address, for registries that want one')
    .option('--from-file <PATH|->', 'a config.json of docker, instead of the above');
  return addCreateOptions(command).action(async (name: string, options: RegistryOptions) => {
    const data = new Map([[DOCKER_CONFIG_KEY, await dockerConfig(options, cli)]]);
    await createObject(cli, command, secretDraft(name, 'kubernetes.io/dockerconfigjson', data, options), options);
  });
}

async function dockerConfig(options: RegistryOptions, cli: Cli): Promise<Uint8Array> {
  const { dockerServer: server, dockerUsername: username, dockerPassword, dockerEmail: email } = options;
  if (options.fromFile !== undefined) {
    if (username !== undefined || dockerPassword !== undefined || email) {
      throw wrongUsage('say the credentials either with --from-file or with the --docker options, not both');
    }
    const prefix = `${DOCKER_CONFIG_KEY}=`;
    const given = options.fromFile;
    return readBytes(given.startsWith(prefix) ? given.slice(prefix.length) : given, cli.terminal);
  }
  if (!username || !dockerPassword) throw wrongUsage('give --docker-username and --docker-password, or --from-file');
  readableArgument(username, '--docker-username');
  const given = dockerPassword === '-' ? await readPassword(cli) : dockerPassword;
  const password = readableArgument(given, '--docker-password');
  return registryConfig({ server, username, password, email });
}

/** Without the newline that `echo` and files of one line end with. */
async function readPassword(cli: Cli): Promise<string> {
  return Buffer.from(await cli.terminal.readInput())
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

function secretDraft(
  name: string,
  type: string,
  data: ReadonlyMap<string, Uint8Array>,
  { appendHash, namespace = 'default' }: CreateOptions,
): ObjectDraft {
  const fullName = appendHash ? `${name}-${nameSuffix({ kind: 'Secret', name, type, data })}` : name;
  const metadata = { name: fullName, namespace, labels: new Map(), annotations: new Map() };
  return { kind: 'Secret', metadata, type: type || 'Opaque', data, immutable: false };
}

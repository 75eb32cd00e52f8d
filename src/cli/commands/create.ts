import { isUtf8 } from 'node:buffer';
import { type Command, Option } from 'commander';
import { invalid } from '../../base/errors.ts';
import { nameSuffix } from '../../objects/kustomize/name-suffix.ts';
import type { ObjectDraft } from '../../objects/object.ts';
import { DOCKER_CONFIG_KEY, problemOfTlsPair, registryConfig } from '../../objects/secret-types.ts';
import {
  addCreateOptions,
  addPlainCreateOptions,
  addValueOptions,
  type CreateOptions,
  createObject,
  type PlainCreateOptions,
  readableArgument,
  readValues,
  type ValueOptions,
} from '../changing/create-object.ts';
import type { ResultOptions } from '../changing/results.ts';
import { type Cli, defineCommand, IF_NONE_IS_NAMED, withExamples } from '../command.ts';
import { wrongUsage } from '../exit.ts';
import { readBytes } from '../input-files.ts';
import { resultOption } from '../objects/object-format.ts';
import { addManifestOptions, type ManifestOptions, readObjects } from '../objects/read-objects.ts';
import {
  CURRENT,
  collect,
  dryRunOption,
  durationArgument,
  type NamespaceOptions,
  namespaceOption,
} from '../options.ts';
import { PflagCommand } from '../pflag-command.ts';
import { withDaemon } from '../with-daemon.ts';

export function createCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern create -f secret.yaml',
    'lantern create secret generic db-user-pass --from-file=./username.txt --from-file=./password.txt',
    'lantern create secret tls web --cert=tls.crt --key=tls.key',
    'lantern create configmap settings --from-literal=colour=blue --dry-run=client -o yaml',
  ])
    .addCommand(createSecretCommand(cli))
    .addCommand(createConfigMapCommand(cli))
    .addCommand(createServiceAccountCommand(cli))
    .addCommand(createTokenCommand(cli))
    .addCommand(createManifestsCommand(cli), { isDefault: true });
}

/** As with kubectl, values that are not UTF-8 go to binaryData. */
function createConfigMapCommand(cli: Cli): Command {
  const command = defineCommand('configmap', 'Create a ConfigMap from files, directories or literal values.', [
    'lantern create configmap settings --from-literal=colour=blue --from-file=app.conf',
    'lantern create configmap settings --from-env-file=settings.env',
  ])
    .alias('cm')
    .argument('<NAME>', 'name of the ConfigMap');
  return addCreateOptions(addValueOptions(command)).action(
    async (name: string, options: CreateOptions & ValueOptions) => {
      await createObject(cli, command, configMapDraft(name, await readValues(options, cli), options), options);
    },
  );
}

function configMapDraft(
  name: string,
  values: ReadonlyMap<string, Uint8Array>,
  { appendHash, currentNamespace: namespace }: CreateOptions,
): ObjectDraft {
  const texts = [...values].filter(([, value]) => isUtf8(value));
  const data = new Map(texts.map(([key, value]) => [key, Buffer.from(value).toString('utf8')]));
  const binaryData = new Map([...values].filter(([, value]) => !isUtf8(value)));
  const fullName = appendHash ? `${name}-${nameSuffix({ kind: 'ConfigMap', name, data, binaryData })}` : name;
  const metadata = { name: fullName, namespace, labels: new Map(), annotations: new Map() };
  return { kind: 'ConfigMap', metadata, data, binaryData, immutable: false };
}

function createSecretCommand(cli: Cli): Command {
  return new PflagCommand('secret')
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
  const command = defineCommand('tls', 'Create a Secret from a certificate and its private key, both in PEM.', [
    'lantern create secret tls web --cert=tls.crt --key=tls.key',
  ])
    .argument('<NAME>', 'name of the Secret')
    .requiredOption('--cert <PATH>', 'file with the certificate, followed by its chain')
    .requiredOption('--key <PATH>', 'file with its private key');
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
    'lantern create secret docker-registry pull --docker-server=x.example --docker-username=me --docker-password=-',
  ])
    .argument('<NAME>', 'name of the Secret')
    .option('--docker-server <SERVER>', 'server of the registry', 'https://index.docker.io/v1/')
    .option('--docker-username <NAME>', 'username for the registry')
    .option('--docker-password <PASSWORD|->', 'password for the registry; "-" reads it from stdin')
    .option('--docker-email <EMAIL>', 'email for the registry')
    .option('--from-file <PATH|->', "Docker's config.json, instead of the options above");
  return addCreateOptions(command).action(async (name: string, options: RegistryOptions) => {
    const data = new Map([[DOCKER_CONFIG_KEY, await dockerConfig(options, cli)]]);
    await createObject(cli, command, secretDraft(name, 'kubernetes.io/dockerconfigjson', data, options), options);
  });
}

async function dockerConfig(options: RegistryOptions, cli: Cli): Promise<Uint8Array> {
  const { dockerServer: server, dockerUsername: username, dockerPassword, dockerEmail: email } = options;
  if (options.fromFile !== undefined) {
    if (username !== undefined || dockerPassword !== undefined || email) {
      throw wrongUsage('--from-file cannot be combined with the --docker options');
    }
    const prefix = `${DOCKER_CONFIG_KEY}=`;
    const given = options.fromFile;
    return readBytes(given.startsWith(prefix) ? given.slice(prefix.length) : given, cli.terminal);
  }
  if (!username || !dockerPassword)
    throw wrongUsage('--docker-username and --docker-password, or --from-file, are required');
  readableArgument(username, '--docker-username');
  const given = dockerPassword === '-' ? await readPassword(cli) : dockerPassword;
  const password = readableArgument(given, '--docker-password');
  return registryConfig({ server, username, password, email });
}

/** Removes the newline that `echo` appends. */
async function readPassword(cli: Cli): Promise<string> {
  return Buffer.from(await cli.terminal.readInput())
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

function secretDraft(
  name: string,
  type: string,
  data: ReadonlyMap<string, Uint8Array>,
  { appendHash, currentNamespace: namespace }: CreateOptions,
): ObjectDraft {
  const fullName = appendHash ? `${name}-${nameSuffix({ kind: 'Secret', name, type, data })}` : name;
  const metadata = { name: fullName, namespace, labels: new Map(), annotations: new Map() };
  return { kind: 'Secret', metadata, type: type || 'Opaque', data, immutable: false };
}

/** As with kubectl, the account has no Secrets. */
function createServiceAccountCommand(cli: Cli): Command {
  const command = defineCommand('serviceaccount', 'Create a ServiceAccount.', [
    'lantern create serviceaccount builder',
    'lantern create serviceaccount builder -n team-a --dry-run=client -o yaml',
  ])
    .alias('sa')
    .argument('<NAME>', 'name of the ServiceAccount');
  return addPlainCreateOptions(command).action(async (name: string, options: PlainCreateOptions) => {
    const metadata = { name, namespace: options.currentNamespace, labels: new Map(), annotations: new Map() };
    const body = { secrets: [], imagePullSecrets: [], automountServiceAccountToken: undefined };
    await createObject(cli, command, { kind: 'ServiceAccount', metadata, ...body }, options);
  });
}

type TokenOptions = NamespaceOptions & {
  readonly audience?: readonly string[];
  readonly duration?: number;
  readonly boundObjectKind?: 'Pod';
  readonly boundObjectName?: string;
  readonly boundObjectUid?: string;
};

function createTokenCommand(cli: Cli): Command {
  return defineCommand('token', 'Request a service account token.', [
    'lantern create token builder --audience https://vault.example --duration 30m',
    'lantern create token web --bound-object-kind Pod --bound-object-name web-0 --bound-object-uid "$POD_UID"',
  ])
    .argument('<SERVICEACCOUNT>', 'name of the ServiceAccount')
    .option('--audience <AUDIENCE>', 'audience of the token; may be repeated (default: the issuer)', collect)
    .option('--duration <DURATION>', 'lifetime of the token, at least 10m (default: 1h)', durationArgument)
    .addOption(new Option('--bound-object-kind <KIND>', 'kind of the object to bind the token to').choices(['Pod']))
    .option('--bound-object-name <NAME>', 'name of the object to bind the token to')
    .option('--bound-object-uid <UID>', 'UID of the object to bind the token to')
    .addOption(namespaceOption())
    .action(async (name: string, options: TokenOptions, command: Command) => {
      const { currentNamespace: namespace, audience = [], duration } = options;
      const request = {
        namespace,
        serviceAccountName: name,
        audiences: [...audience],
        ...(duration !== undefined && { expirationSeconds: Math.floor(duration / 1000) }),
        ...podOf(options),
      };
      const { token } = await withDaemon(cli, command, (daemon) =>
        daemon.tokens.create(request, { signal: cli.signal }),
      );
      cli.terminal.print(token);
    });
}

function podOf({ boundObjectKind: kind, boundObjectName: podName, boundObjectUid: podUid }: TokenOptions) {
  if (kind === undefined && podName === undefined && podUid === undefined) return {};
  if (kind === undefined || !podName || !podUid) {
    throw wrongUsage('--bound-object-kind, --bound-object-name and --bound-object-uid must be set together');
  }
  return { podName, podUid };
}

type FileOptions = ManifestOptions & ResultOptions;

/** For `create -f FILE`. */
function createManifestsCommand(cli: Cli): Command {
  const command = defineCommand(IF_NONE_IS_NAMED, 'Create what manifests declare. The word may be left out.', [
    'lantern create -f secret.yaml',
  ])
    // For a better message about a mistaken command.
    .argument('[WORD...]')
    .usage('[options]');
  return addManifestOptions(command)
    .addOption(dryRunOption('store nothing; "client" needs no daemon, "server" lets the daemon validate'))
    .addOption(namespaceOption(`namespace of objects without one ${CURRENT}`))
    .addOption(resultOption())
    .action(async ([word]: readonly string[], options: FileOptions) => {
      const create = command.parent;
      if (word !== undefined) throw wrongUsage(problemOf(word, create));
      if (options.filename === undefined && options.kustomize === undefined) create?.help({ error: true });
      // Loads parsers and schemas, which the other commands do not need.
      const { createFromManifests } = await import('../changing/store-manifests.ts');
      await createFromManifests(cli, command, await readObjects(cli, options), options);
    });
}

function problemOf(word: string, create: Command | null): string {
  const isKnown = create?.commands.some((one) => [one.name(), ...one.aliases()].includes(word)) ?? false;
  return isKnown ? `flags must come after "create ${word}"` : `unknown command '${word}'; see "lantern create --help"`;
}

import { type Command, Option } from 'commander';
import { containerEnvToWire } from '../../rpc/lantern/projector-messages.ts';
import { type Cli, withExamples } from '../command.ts';
import { readDocument } from '../objects/manifests.ts';
import { containerOption, type NamespaceOptions, namespaceOption } from '../options.ts';
import { ENVIRONMENT_FORMATS, type EnvironmentFormat, formatEnvironment } from '../output/environment-text.ts';
import { noticeLine } from '../output/text.ts';
import { parsePodContainer } from '../pods/pod-file.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = NamespaceOptions & {
  readonly filename: string;
  readonly container?: string;
  readonly output: EnvironmentFormat;
};

/** Parses the Pod here, because ResolveEnvironment takes fields, not a manifest. */
export function envCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'eval "$(lantern env -f pod.yaml -c app)"',
    'lantern env -f pod.yaml -o null | xargs -0 printf "%s\\n"',
  ])
    .requiredOption('-f, --filename <FILE|->', 'Pod manifest, or stdin')
    .addOption(containerOption())
    .addOption(namespaceOption("namespace of the objects (default: the pod's namespace)"))
    .addOption(new Option('-o, --output <FORMAT>', 'output format').choices(ENVIRONMENT_FORMATS).default('shell'))
    .action(async (options: Options) => {
      const pod = await readPod(options, cli);
      const { nodeName, hostIPs, podIPs } = pod.placement;
      const request = {
        ...containerEnvToWire(pod.container),
        namespace: options.namespace ?? pod.namespace ?? options.currentNamespace,
        pod: pod.facts,
        placement: { nodeName, hostIps: [...hostIPs], podIps: [...podIPs] },
      };
      const { variables, notices } = await withDaemon(cli, command, (daemon) =>
        daemon.projector.resolveEnvironment(request, { signal: cli.signal }),
      );
      const { bytes, leftOut } = formatEnvironment(options.output, variables);
      for (const notice of notices) cli.terminal.complain(noticeLine(notice));
      for (const name of leftOut) {
        const format = options.output === 'dotenv' ? 'dotenv file' : 'shell';
        cli.terminal.complain(`warning: "${name}" skipped: invalid as a variable name of a ${format}; use -o null`);
      }
      await cli.terminal.write(bytes);
    });
}

async function readPod({ filename, container }: Options, { terminal }: Cli) {
  const pod = await readDocument(filename, terminal, (document) => parsePodContainer(document, container));
  if (container === undefined && pod.names.length > 1) {
    terminal.complain(`Defaulted container "${pod.container.name}" out of: ${pod.names.join(', ')}`);
  }
  return pod;
}

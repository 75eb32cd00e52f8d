import { type Command, Option } from 'commander';
import { type Cli, namespaceOption, withExamples } from '../define-command.ts';
import { readDocument } from '../objects/manifests.ts';
import { ENVIRONMENT_FORMATS, type EnvironmentFormat, formatEnvironment } from '../output/environment-text.ts';
import { noticeLine } from '../output/text.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly filename: string;
  readonly container?: string;
  readonly namespace?: string;
  readonly output: EnvironmentFormat;
};

/** `lantern env`: a container's variables, values and all, on stdout. */
export function envCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'eval "$(lantern env -f pod.yaml -c app)"',
    'lantern env -f pod.yaml -o null | xargs -0 printf "%s\\n"',
  ])
    .requiredOption('-f, --filename <FILE|->', 'a Pod manifest')
    .option('-c, --container <NAME>', 'the container (default: the first)')
    .addOption(namespaceOption("namespace of the objects (default: the pod's)"))
    .addOption(new Option('-o, --output <FORMAT>', 'format').choices(ENVIRONMENT_FORMATS).default('shell'))
    .action(async (options: Options) => {
      const pod = await readPod(options, cli);
      const { containerEnvToWire } = await import('../../rpc/lantern/projector-messages.ts');
      const { nodeName, hostIPs, podIPs } = pod.placement;
      const request = {
        ...containerEnvToWire(pod.container),
        namespace: options.namespace ?? pod.namespace ?? 'default',
        pod: pod.facts,
        placement: { nodeName, hostIps: [...hostIPs], podIps: [...podIPs] },
      };
      const { variables, notices } = await withDaemon(cli, command, (daemon) =>
        daemon.projector.resolveEnvironment(request, { signal: cli.signal }),
      );
      const { bytes, leftOut } = formatEnvironment(options.output, variables);
      for (const notice of notices) cli.terminal.complain(noticeLine(notice));
      for (const name of leftOut) {
        const who = options.output === 'dotenv' ? 'dotenv file' : 'shell';
        cli.terminal.complain(`warning: no ${who} has a variable of the name "${name}"; left out, -o null has it`);
      }
      await cli.terminal.write(bytes);
    });
}

async function readPod({ filename, container }: Options, { terminal }: Cli) {
  const { parsePodContainer } = await import('../pods/pod-container.ts');
  const pod = await readDocument(filename, terminal, (document) => parsePodContainer(document, container));
  if (container === undefined && pod.names.length > 1) {
    terminal.complain(`Defaulted container "${pod.container.name}" out of: ${pod.names.join(', ')}`);
  }
  return pod;
}

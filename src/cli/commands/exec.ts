import { type Command, Option } from 'commander';
import { LanternError } from '../../base/errors.ts';
import { type Cli, namespaceOption, withExamples } from '../define-command.ts';
import { durationArgument } from '../duration.ts';
import { execInPod } from '../exec/exec-in-pod.ts';
import { commandEnded, wrongUsage } from '../exit.ts';
import { printable } from '../output/text.ts';
import { type PodInFile, readPods } from '../pods/pods-in-files.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly filename: string;
  readonly container?: string;
  readonly namespace?: string;
  readonly wait: number;
  readonly cleanEnv: boolean;
};

/** `lantern exec`: a command with what a pod's container gets, as env(1) runs one with variables. */
export function execCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern exec -f pod.yaml -- ./server --port 8080',
    'lantern exec -f pod.yaml -c app --clean-env -- sh -c \'cat "$LANTERN_ROOT/etc/foo/username"\'',
  ])
    .argument('<COMMAND...>', 'after "--", with its own options')
    .requiredOption('-f, --filename <FILE|->', 'a manifest with one Pod')
    .option('-c, --container <NAME>', 'the container (default: the first)')
    .addOption(namespaceOption('namespace of a pod that names none (default: "default")'))
    .addOption(
      new Option('--wait <DURATION>', 'wait that long for missing objects, e.g. 30s')
        .argParser(durationArgument)
        .default(0, 'not at all'),
    )
    .option('--clean-env', "only the container's variables, not those of the caller", false)
    .addHelpText('after', `\n${WHERE_VOLUMES_ARE}`)
    .action(async (words: readonly string[], options: Options) => {
      const pod = await onlyPod(cli, options);
      const container = chooseContainer(cli, pod, options.container);
      const { exitCode, problem } = await withDaemon(cli, command, (daemon) =>
        execInPod(cli, daemon, { pod, container, words, waitMs: options.wait, cleanEnv: options.cleanEnv }),
      );
      if (problem !== undefined) cli.terminal.complain(`lantern: ${problem}`);
      if (exitCode !== 0) throw commandEnded(exitCode);
    });
}

const WHERE_VOLUMES_ARE = [
  'As root the command has a mount namespace of its own with the volumes at their mountPath, and LANTERN_ROOT',
  'is empty. Otherwise the volumes are below $LANTERN_ROOT, so that $LANTERN_ROOT/etc/foo works either way.',
  "The exit code is the command's: 127 not found, 126 not executable, 128 and the number for a signal.",
].join('\n');

async function onlyPod(cli: Cli, { filename, namespace }: Options): Promise<PodInFile> {
  const { pods } = await readPods([filename], namespace, cli.terminal);
  const [pod, ...more] = pods;
  if (pod !== undefined && more.length === 0) return pod;
  throw new LanternError('invalid-argument', `"${filename}" holds ${more.length + 1} Pods, but one is expected`);
}

function chooseContainer(cli: Cli, { containers }: PodInFile, name: string | undefined): string {
  const [first] = containers;
  if (first === undefined) throw new LanternError('invalid-argument', 'spec.containers: must have a container');
  if (name === undefined) {
    if (containers.length > 1) {
      cli.terminal.complain(`Defaulted container "${first}" out of: ${containers.join(', ')}`);
    }
    return first;
  }
  if (containers.includes(name)) return name;
  throw wrongUsage(`the pod has no container "${printable(name)}"; there are ${containers.join(', ')}`);
}

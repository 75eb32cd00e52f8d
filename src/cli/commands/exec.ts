import type { Command } from 'commander';
import { LanternError } from '../../base/errors.ts';
import { type Cli, withExamples } from '../command.ts';
import { execInPod } from '../exec/exec-in-pod.ts';
import { commandEnded, wrongUsage } from '../exit.ts';
import { CURRENT, containerOption, type NamespaceOptions, namespaceOption, waitOption } from '../options.ts';
import { printable } from '../output/text.ts';
import { type PodInFile, readPods } from '../pods/pods-in-files.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = NamespaceOptions & {
  readonly filename: string;
  readonly container?: string;
  readonly wait: number;
  readonly cleanEnv: boolean;
};

/** Works like env(1), with a container's variables and volumes. */
export function execCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern exec -f pod.yaml -- ./server --port 8080',
    'lantern exec -f pod.yaml -c app --clean-env -- sh -c \'cat "$LANTERN_ROOT/etc/foo/username"\'',
  ])
    .argument('<COMMAND...>', 'the command and its arguments, after "--"')
    .requiredOption('-f, --filename <FILE|->', 'manifest with one Pod, or stdin')
    .addOption(containerOption())
    .addOption(namespaceOption(`namespace of a pod without one ${CURRENT}`))
    .addOption(waitOption().default(0, '0s'))
    .option('--clean-env', "do not pass the caller's own variables on", false)
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
  'As root, the command runs in its own mount namespace with the volumes at their',
  'mountPath, and LANTERN_ROOT is empty. Otherwise the volumes are below $LANTERN_ROOT:',
  '$LANTERN_ROOT/etc/foo works either way.',
  '',
  'The exit code is that of the command: 127 if it is not found, 126 if it cannot be',
  'executed, 128 plus the number of the signal that ended it.',
].join('\n');

async function onlyPod(cli: Cli, options: Options): Promise<PodInFile> {
  const { pods } = await readPods([options.filename], options, cli.terminal);
  const [pod, ...more] = pods;
  if (pod !== undefined && more.length === 0) return pod;
  throw new LanternError('invalid-argument', `"${options.filename}" must have one Pod, not ${more.length + 1}`);
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
  throw wrongUsage(`the pod has no container "${printable(name)}"; it has ${containers.join(', ')}`);
}

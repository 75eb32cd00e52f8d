import { accessSync, constants } from 'node:fs';
import { type Command, Option } from 'commander';
import { errnoOf } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { Cli } from '../cli.ts';
import { collect, defineCommand, namespaceOption, outputOption } from '../define-command.ts';
import { durationArgument } from '../duration.ts';
import { PARTLY_FAILED } from '../exit.ts';
import { forEach } from '../for-each.ts';
import { addKustomizeOptions, type ManifestOptions, readFilesOrKustomization } from '../kustomize.ts';
import { mountPod } from '../mount-pod.ts';
import { noticeLine } from '../output/notice-line.ts';
import { mountedPodJson, mountedPodText } from '../output/pod-text.ts';
import { printable } from '../output/printable.ts';
import { formatJson } from '../output/structured.ts';
import { rootOf } from '../pod-roots.ts';
import { type PodInFile, podsOf } from '../pods-in-files.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = Omit<ManifestOptions, 'recursive'> & {
  readonly container: readonly string[];
  readonly wait: number;
  readonly open: boolean;
  readonly output?: 'json';
};

/** As long as a kubelet takes over one attempt. */
const DEFAULT_WAIT_MS = 120_000;

/** `lantern pod mount`. Again for the same root it refreshes the contents; the mounts stay as they are. */
export function podMountCommand(cli: Cli): Command {
  const command = defineCommand('mount', 'Mount the volumes of pods, at ROOT/CONTAINER/MOUNT-PATH each.', [
    'lantern pod mount -f pod.yaml /dev/shm/mypod',
    'lantern pod mount -f pod.yaml -c app --wait 0s /dev/shm/mypod',
    'lantern pod mount -k overlays/test /dev/shm/pods',
  ])
    .argument('<ROOT>', 'made where it is missing; of several pods each has ROOT/POD, and ROOT must exist')
    .option('-f, --filename <FILE|DIR|->', 'manifest with Pods, or stdin; may be repeated', collect);
  return addKustomizeOptions(command)
    .option('-c, --container <NAME>', 'only this container; may be repeated', collect, [])
    .addOption(namespaceOption('namespace of pods that name none (default: "default")'))
    .addOption(
      new Option('--wait <DURATION>', 'how long to wait for missing objects; 0s does not wait')
        .argParser(durationArgument)
        .default(DEFAULT_WAIT_MS, '2m'),
    )
    .option(
      '--open',
      "let everybody read: directories are 0755 and tokens 0644, instead of for the pod's users (runAsUser, fsGroup)",
      false,
    )
    .addOption(outputOption('json'))
    .action(async (root: string, options: Options, command: Command) => {
      const manifests = await readFilesOrKustomization(cli, { ...options, recursive: false });
      const place = options.kustomize ?? options.filename?.join(', ') ?? '';
      const { pods, others } = await podsOf(manifests, place, options.namespace);
      if (others > 0) {
        const apply = options.kustomize === undefined ? 'apply -f FILE' : 'apply -k DIR';
        cli.terminal.complain(`lantern: only the Pods are mounted; "lantern ${apply}" stores the objects beside them`);
      }
      await withDaemon(cli, command, (daemon) => mountAll(cli, daemon, pods, root, options));
    });
}

/** All at once, as one may have to wait; told in their order. */
async function mountAll(
  cli: Cli,
  daemon: LanternClient,
  pods: readonly PodInFile[],
  root: string,
  options: Options,
): Promise<void> {
  const answers = await Promise.allSettled(
    pods.map((pod) => {
      const { namespace, manifest } = pod;
      const containers = [...options.container];
      const request = { manifest, namespace, rootPath: rootOf(pod, pods, root), containers, open: options.open };
      return mountPod(cli, daemon, request, options.wait, cli.signal);
    }),
  );
  const mounted: MountPodResponse[] = [];
  const allWell = await forEach(cli.terminal, answers, async (answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    for (const notice of answer.value.notices) cli.terminal.complain(noticeLine(notice));
    sayIfClosed(cli, answer.value.pod?.rootPath ?? '');
    if (options.output === undefined) cli.terminal.print(mountedPodText(answer.value));
    mounted.push(answer.value);
  });
  if (options.output === 'json') cli.terminal.print(formatJson({ pods: mounted.map(mountedPodJson) }));
  if (!allWell) throw PARTLY_FAILED;
}

/** Whoever mounts a pod for others need not get in; who means to use it would see no reason otherwise. */
function sayIfClosed({ terminal, user }: Cli, root: string): void {
  try {
    accessSync(root, constants.X_OK);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') return;
    const way = 'set securityContext.runAsUser in its manifest, or mount it with --open';
    terminal.complain(
      printable(`note: "${root}" is closed to you (uid ${user.uid}), whom the pod does not run as; ${way}`),
    );
  }
}

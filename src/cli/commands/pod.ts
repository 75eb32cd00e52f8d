import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { errnoOf, LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { UnmountPodRequest } from '../../rpc/generated/lantern/v1/UnmountPodRequest.ts';
import { type Cli, collect, defineCommand, namespaceOption, outputOption, withExamples } from '../define-command.ts';
import { durationArgument } from '../duration.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { forEach } from '../for-each.ts';
import { addKustomizeOptions, type ManifestOptions, readFilesOrKustomization } from '../objects/kustomize.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { noticeLine, printable } from '../output/text.ts';
import { mountedPodJson, mountedPodText, podTable } from '../output/volume-text.ts';
import { mountPod } from '../pods/mount-pod.ts';
import { type PodInFile, podsOf, readPods, rootOf } from '../pods/pods-in-files.ts';
import { absoluteTarget } from '../target.ts';
import { allPages, withDaemon } from '../with-daemon.ts';

/** `lantern pod`: whole pods, as a kubelet mounts them. */
export function podCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern pod mount -f pod.yaml /dev/shm/mypod',
    'lantern pod status mypod',
    'lantern pod unmount mypod',
  ])
    .addCommand(podMountCommand(cli))
    .addCommand(podUnmountCommand(cli))
    .addCommand(podStatusCommand(cli));
}

type MountOptions = Omit<ManifestOptions, 'recursive'> & {
  readonly container: readonly string[];
  readonly wait: number;
  readonly open: boolean;
  readonly output?: 'json';
};

/** As long as a kubelet takes over one attempt. */
const DEFAULT_WAIT_MS = 120_000;

/** `lantern pod mount`. Again for the same root it refreshes the contents; the mounts stay as they are. */
function podMountCommand(cli: Cli): Command {
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
    .action(async (root: string, options: MountOptions, command: Command) => {
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
  options: MountOptions,
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

type StatusOptions = { readonly namespace: string; readonly allNamespaces: boolean; readonly output?: 'json' };

/** `lantern pod status`: the pods of which something is mounted on this node. */
function podStatusCommand(cli: Cli): Command {
  return defineCommand('status', 'Show which pods are mounted, where, and how their volumes are.', [
    'lantern pod status',
    'lantern pod status mypod -n team-a -o json',
  ])
    .argument('[NAME]', 'only this pod')
    .addOption(namespaceOption('namespace').default('default'))
    .option('-A, --all-namespaces', 'pods of all namespaces', false)
    .addOption(outputOption('json'))
    .action(async (name: string | undefined, options: StatusOptions, command: Command) => {
      const namespace = options.allNamespaces ? '' : options.namespace;
      const listed = await withDaemon(cli, command, (daemon) =>
        allPages(
          (pageToken) => daemon.projector.listPods({ namespace, pageToken }, { signal: cli.signal }),
          (page) => page.pods,
        ),
      );
      const pods = listed.filter((pod) => name === undefined || pod.name === name);
      if (name !== undefined && pods.length === 0) {
        throw new LanternError(
          'not-found',
          `pod "${printable(name)}" is not mounted here; "lantern pod mount" does it`,
        );
      }
      if (options.output === 'json') return cli.terminal.print(formatJson(wireToJson({ pods })));
      if (pods.length === 0) return cli.terminal.complain('No pods are mounted.');
      return cli.terminal.print(podTable(pods, options.allNamespaces, cli.terminal.style));
    });
}

type UnmountOptions = { readonly filename?: readonly string[]; readonly namespace?: string };

/** `lantern pod unmount`. What is not mounted is fine. */
function podUnmountCommand(cli: Cli): Command {
  return defineCommand('unmount', 'Take away what "pod mount" made, at one root or at all.', [
    'lantern pod unmount mypod',
    'lantern pod unmount /dev/shm/mypod',
    'lantern pod unmount mypod /dev/shm/mypod -n team-a',
    'lantern pod unmount -f pod.yaml',
  ])
    .argument('[NAME|ROOT...]', 'NAME, ROOT (with a slash in it), or both; after -f only ROOT')
    .option('-f, --filename <FILE|DIR|->', 'manifest with Pods, or stdin; may be repeated', collect)
    .addOption(namespaceOption())
    .action(async (words: readonly string[], options: UnmountOptions, command: Command) => {
      const ask = await askFor(cli, words, options);
      const allWell = await withDaemon(cli, command, async (daemon) => {
        return forEach(cli.terminal, await ask(daemon), async (request) => {
          await daemon.projector.unmountPod(request, { signal: cli.signal });
          const from = request.rootPath === '' ? '' : ` from ${request.rootPath}`;
          cli.terminal.print(printable(`pod/${request.name} unmounted${from}`));
        });
      });
      if (!allWell) throw PARTLY_FAILED;
    });
}

type Request = Required<UnmountPodRequest>;
/** What is to be unmounted, which a daemon may have to say. */
type Ask = (daemon: LanternClient) => Promise<readonly Request[]>;

async function askFor(cli: Cli, words: readonly string[], { filename, namespace }: UnmountOptions): Promise<Ask> {
  const [first, second, ...more] = words;
  if (filename === undefined) {
    if (first === undefined) throw wrongUsage('say which pod, with NAME, ROOT or -f FILE');
    if (more.length > 0) throw wrongUsage('one NAME and at most one ROOT are expected');
    // The name of a pod has no slash.
    if (!first.includes('/')) return async () => [requestFor(namespace, first, second)];
    if (second !== undefined) throw wrongUsage('NAME comes before ROOT');
    return (daemon) => requestsAt(cli, daemon, absoluteTarget(first), namespace);
  }
  if (second !== undefined) throw wrongUsage('with -f, at most one ROOT is expected, and no NAME');
  const { pods } = await readPods(filename, namespace, cli.terminal);
  return async () =>
    pods.map((pod) => ({
      namespace: pod.namespace,
      name: pod.name,
      rootPath: first === undefined ? '' : rootOf(pod, pods, first),
    }));
}

function requestFor(namespace: string | undefined, name: string, root: string | undefined): Request {
  return { namespace: namespace ?? 'default', name, rootPath: root === undefined ? '' : absoluteTarget(root) };
}

/** Whatever was mounted with that root: one pod in it, or several below. Without a namespace those of all are looked at. */
async function requestsAt(
  cli: Cli,
  daemon: LanternClient,
  root: string,
  namespace: string | undefined,
): Promise<readonly Request[]> {
  const listed = await allPages(
    (pageToken) => daemon.projector.listPods({ namespace: namespace ?? '', pageToken }, { signal: cli.signal }),
    (page) => page.pods,
  );
  const there = listed.filter(({ name, rootPath }) => rootPath === root || rootPath === join(root, name));
  if (there.length === 0) cli.terminal.complain(printable(`lantern: no pod is mounted at ${root}`));
  return there.map(({ namespace, name, rootPath }) => ({ namespace, name, rootPath }));
}

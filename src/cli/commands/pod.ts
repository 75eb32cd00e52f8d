import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { errnoOf, LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { UnmountPodRequest } from '../../rpc/generated/lantern/v1/UnmountPodRequest.ts';
import { type Cli, defineCommand, withExamples } from '../command.ts';
import { forEach, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { addKustomizeOptions, type ManifestOptions, readFilesOrKustomization } from '../objects/read-objects.ts';
import {
  CURRENT,
  collect,
  filenameOption,
  type NamespaceOptions,
  namespaceOption,
  outputOption,
  waitOption,
} from '../options.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { noticeLine, printable } from '../output/text.ts';
import { mountedPodJson, mountedPodText, podTable } from '../output/volume-text.ts';
import { listPods, mountPod } from '../pods/pod-calls.ts';
import type { PodInFile } from '../pods/pods-in-files.ts';
import { ShownProgress } from '../shown-progress.ts';
import { absoluteTarget } from '../target.ts';
import { withDaemon } from '../with-daemon.ts';

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

/** Loads parsers and schemas, which `lantern pod status` does not need. */
async function podFiles() {
  return await import('../pods/pods-in-files.ts');
}

const FILE_HELP = 'manifest with Pods, directory of them, or stdin; may be repeated';

type MountOptions = Omit<ManifestOptions, 'recursive'> & {
  readonly container?: readonly string[];
  readonly wait: number;
  readonly open: boolean;
  readonly output?: 'json';
};

/** A kubelet's attempt takes as long. */
const DEFAULT_WAIT_MS = 120_000;

/** A repeat for the same root refreshes the contents and leaves the mounts alone. */
function podMountCommand(cli: Cli): Command {
  const command = defineCommand('mount', 'Mount the volumes of pods at ROOT/CONTAINER/MOUNT-PATH.', [
    'lantern pod mount -f pod.yaml /dev/shm/mypod',
    'lantern pod mount -f pod.yaml -c app --wait 0s /dev/shm/mypod',
    'lantern pod mount -k overlays/test /dev/shm/pods',
  ])
    .argument('<ROOT>', 'created if missing; several pods are mounted at ROOT/POD, and ROOT must exist')
    .addOption(filenameOption(FILE_HELP));
  return addKustomizeOptions(command)
    .option('-c, --container <NAME>', 'mount only this container; may be repeated', collect)
    .addOption(namespaceOption(`namespace of pods without one ${CURRENT}`))
    .addOption(waitOption().default(DEFAULT_WAIT_MS, '2m'))
    .option('--open', "let everybody read, not only the pod's users: directories 0755, tokens 0644", false)
    .addOption(outputOption('json'))
    .action(async (root: string, options: MountOptions, command: Command) => {
      const manifests = await readFilesOrKustomization(cli, { ...options, recursive: false });
      const place = options.kustomize ?? options.filename?.join(', ') ?? '';
      const { podsOf } = await podFiles();
      const { pods, others } = podsOf(manifests, place, options);
      if (others > 0) {
        const apply = options.kustomize === undefined ? 'apply -f FILE' : 'apply -k DIR';
        cli.terminal.complain(
          `lantern: only the Pods are mounted; to store the objects beside them, run "lantern ${apply}"`,
        );
      }
      await withDaemon(cli, command, (daemon) => mountAll(cli, daemon, pods, root, options));
    });
}

/** Mounts all pods at once, because each may have to wait. Prints the results in order. */
async function mountAll(
  cli: Cli,
  daemon: LanternClient,
  pods: readonly PodInFile[],
  root: string,
  options: MountOptions,
): Promise<void> {
  using progress = new ShownProgress(cli);
  progress.begin('mounting pods', pods.length);
  const answers = await Promise.allSettled(
    pods.map(async (pod) => {
      const { namespace, manifest } = pod;
      const containers = [...(options.container ?? [])];
      const request = { manifest, namespace, rootPath: rootOf(pod, pods, root), containers, open: options.open };
      const answer = await mountPod(cli, daemon, request, options.wait, cli.signal);
      progress.step();
      return answer;
    }),
  );
  const mounted: MountPodResponse[] = [];
  const allWell = await forEach(cli.terminal, answers, async (answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    for (const notice of answer.value.notices) cli.terminal.complain(noticeLine(notice));
    warnIfClosed(cli, answer.value.pod?.rootPath ?? '');
    if (options.output === undefined) cli.terminal.print(mountedPodText(answer.value, cli.terminal.columns));
    mounted.push(answer.value);
  });
  if (options.output === 'json') cli.terminal.print(formatJson({ pods: mounted.map(mountedPodJson) }));
  if (!allWell) throw PARTLY_FAILED;
}

/** The mount is right, but the reason why a caller other than the pod's user cannot read it may not be obvious. */
function warnIfClosed({ terminal, user }: Cli, root: string): void {
  try {
    accessSync(root, constants.X_OK);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') return;
    const advice = 'set securityContext.runAsUser in the manifest, or mount it with --open';
    terminal.complain(
      printable(`note: you (uid ${user.uid}) cannot enter "${root}", as the pod runs as another user; ${advice}`),
    );
  }
}

type UnmountOptions = NamespaceOptions & { readonly filename?: readonly string[] };

/** Succeeds if nothing is mounted. */
function podUnmountCommand(cli: Cli): Command {
  return defineCommand('unmount', 'Unmount the volumes of pods, at one root or at all roots.', [
    'lantern pod unmount mypod',
    'lantern pod unmount /dev/shm/mypod',
    'lantern pod unmount mypod /dev/shm/mypod -n team-a',
    'lantern pod unmount -f pod.yaml',
  ])
    .argument('[POD|ROOT...]', 'POD, ROOT (with a slash in it), or both; with -f only ROOT')
    .addOption(filenameOption(FILE_HELP))
    .addOption(namespaceOption())
    .action(async (words: readonly string[], options: UnmountOptions, command: Command) => {
      const find = await finderFor(cli, words, options);
      const allWell = await withDaemon(cli, command, async (daemon) => {
        return forEach(cli.terminal, await find(daemon), async (request) => {
          await daemon.projector.unmountPod(request, { signal: cli.signal });
          const from = request.rootPath === '' ? '' : ` from ${request.rootPath}`;
          cli.terminal.print(printable(`pod/${request.name} unmounted${from}`));
        });
      });
      if (!allWell) throw PARTLY_FAILED;
    });
}

type Request = Required<UnmountPodRequest>;
/** Finds the pods to unmount. May ask the daemon. */
type Find = (daemon: LanternClient) => Promise<readonly Request[]>;

async function finderFor(cli: Cli, words: readonly string[], options: UnmountOptions): Promise<Find> {
  const { filename, namespace, currentNamespace } = options;
  const [first, second, ...more] = words;
  if (filename === undefined) {
    if (first === undefined) throw wrongUsage('one of POD, ROOT and -f FILE is required');
    if (more.length > 0) throw wrongUsage('at most one POD and one ROOT are allowed');
    // The name of a pod cannot have a slash.
    if (!first.includes('/')) return async () => [requestFor(currentNamespace, first, second)];
    if (second !== undefined) throw wrongUsage('POD comes before ROOT');
    return (daemon) => requestsAt(cli, daemon, absoluteTarget(first), namespace);
  }
  if (second !== undefined) throw wrongUsage('with -f at most one ROOT is allowed, and no POD');
  const { readPods } = await podFiles();
  const { pods } = await readPods(filename, options, cli.terminal);
  return async () =>
    pods.map((pod) => ({
      namespace: pod.namespace,
      name: pod.name,
      rootPath: first === undefined ? '' : rootOf(pod, pods, first),
    }));
}

function requestFor(namespace: string, name: string, root: string | undefined): Request {
  return { namespace, name, rootPath: root === undefined ? '' : absoluteTarget(root) };
}

/** Finds the pods mounted at `root` or below it. Without a namespace it searches all. */
async function requestsAt(
  cli: Cli,
  daemon: LanternClient,
  root: string,
  namespace: string | undefined,
): Promise<readonly Request[]> {
  const listed = await listPods(daemon, namespace ?? '', cli.signal);
  const there = listed.filter(({ name, rootPath }) => rootPath === root || rootPath === join(root, name));
  if (there.length === 0) cli.terminal.complain(printable(`lantern: no pod is mounted at ${root}`));
  return there.map(({ namespace, name, rootPath }) => ({ namespace, name, rootPath }));
}

/** `root` itself for a single pod, ROOT/NAME for one of several. */
function rootOf({ name }: PodInFile, pods: readonly PodInFile[], root: string): string {
  return absoluteTarget(pods.length === 1 ? root : join(root, name));
}

type StatusOptions = NamespaceOptions & { readonly allNamespaces: boolean; readonly output?: 'json' };

function podStatusCommand(cli: Cli): Command {
  return defineCommand('status', 'List the mounted pods with their roots and the state of their volumes.', [
    'lantern pod status',
    'lantern pod status mypod -n team-a -o json',
  ])
    .argument('[POD]', 'only this pod')
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'list pods in all namespaces', false)
    .addOption(outputOption('json'))
    .action(async (name: string | undefined, options: StatusOptions, command: Command) => {
      const namespace = options.allNamespaces ? '' : options.currentNamespace;
      const listed = await withDaemon(cli, command, (daemon) => listPods(daemon, namespace, cli.signal));
      const pods = listed.filter((pod) => name === undefined || pod.name === name);
      if (name !== undefined && pods.length === 0) {
        throw new LanternError('not-found', `pod "${printable(name)}" is not mounted on this node`);
      }
      if (options.output === 'json') return cli.terminal.print(formatJson(wireToJson({ pods })));
      if (pods.length === 0) return cli.terminal.complain('No pods are mounted.');
      const { style, columns: width } = cli.terminal;
      return cli.terminal.print(podTable(pods, options.allNamespaces, { style, width }));
    });
}

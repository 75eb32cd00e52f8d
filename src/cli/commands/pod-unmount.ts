import { join } from 'node:path';
import type { Command } from 'commander';
import type { LanternClient } from '../../rpc/client.ts';
import type { UnmountPodRequest } from '../../rpc/generated/lantern/v1/UnmountPodRequest.ts';
import type { Cli } from '../cli.ts';
import { collect, defineCommand, namespaceOption } from '../define-command.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { forEach } from '../for-each.ts';
import { printable } from '../output/printable.ts';
import { allPages } from '../pages.ts';
import { rootOf } from '../pod-roots.ts';
import { readPods } from '../pods-in-files.ts';
import { absoluteTarget } from '../target.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = { readonly filename?: readonly string[]; readonly namespace?: string };

/** `lantern pod unmount`. What is not mounted is fine. */
export function podUnmountCommand(cli: Cli): Command {
  return defineCommand('unmount', 'Take away what "pod mount" made, at one root or at all.', [
    'lantern pod unmount mypod',
    'lantern pod unmount /dev/shm/mypod',
    'lantern pod unmount mypod /dev/shm/mypod -n team-a',
    'lantern pod unmount -f pod.yaml',
  ])
    .argument('[NAME|ROOT...]', 'NAME, ROOT (with a slash in it), or both; after -f only ROOT')
    .option('-f, --filename <FILE|DIR|->', 'manifest with Pods, or stdin; may be repeated', collect)
    .addOption(namespaceOption())
    .action(async (words: readonly string[], options: Options, command: Command) => {
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

async function askFor(cli: Cli, words: readonly string[], { filename, namespace }: Options): Promise<Ask> {
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

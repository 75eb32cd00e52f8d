import type { Command } from 'commander';
import type { UnmountPodRequest } from '../../rpc/generated/lantern/v1/UnmountPodRequest.ts';
import type { Cli } from '../cli.ts';
import { collect, defineCommand, namespaceOption } from '../define-command.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { forEach } from '../for-each.ts';
import { printable } from '../output/printable.ts';
import { rootOf } from '../pod-roots.ts';
import { readPods } from '../pods-in-files.ts';
import { absoluteTarget } from '../target.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = { readonly filename?: readonly string[]; readonly namespace?: string };

/** `lantern pod unmount`. What is not mounted is fine. */
export function podUnmountCommand(cli: Cli): Command {
  return defineCommand('unmount', 'Take away what "pod mount" made, at one root or at all.', [
    'lantern pod unmount mypod',
    'lantern pod unmount mypod /dev/shm/mypod -n team-a',
    'lantern pod unmount -f pod.yaml',
  ])
    .argument('[NAME|ROOT...]', 'NAME and, where not all its roots are meant, ROOT; after -f only ROOT')
    .option('-f, --filename <FILE|DIR|->', 'manifest with Pods, or stdin; may be repeated', collect)
    .addOption(namespaceOption())
    .action(async (words: readonly string[], options: Options, command: Command) => {
      const requests = await requestsOf(cli, words, options);
      const allWell = await withDaemon(cli, command, (daemon) =>
        forEach(cli.terminal, requests, async (request) => {
          await daemon.projector.unmountPod(request, { signal: cli.signal });
          const from = request.rootPath === '' ? '' : ` from ${request.rootPath}`;
          cli.terminal.print(printable(`pod/${request.name} unmounted${from}`));
        }),
      );
      if (!allWell) throw PARTLY_FAILED;
    });
}

type Request = Required<UnmountPodRequest>;

async function requestsOf(
  cli: Cli,
  words: readonly string[],
  { filename, namespace }: Options,
): Promise<readonly Request[]> {
  if (filename === undefined) {
    const [name, root, ...more] = words;
    if (name === undefined) throw wrongUsage('say which pod, with NAME or -f FILE');
    if (more.length > 0) throw wrongUsage('one NAME and at most one ROOT are expected');
    const rootPath = root === undefined ? '' : absoluteTarget(root);
    return [{ namespace: namespace ?? 'default', name, rootPath }];
  }
  const [root, ...more] = words;
  if (more.length > 0) throw wrongUsage('with -f, at most one ROOT is expected, and no NAME');
  const { pods } = await readPods(filename, namespace, cli.terminal);
  return pods.map((pod) => ({
    namespace: pod.namespace,
    name: pod.name,
    rootPath: root === undefined ? '' : rootOf(pod, pods, root),
  }));
}

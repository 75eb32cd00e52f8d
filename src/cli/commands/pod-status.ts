import type { Command } from 'commander';
import { LanternError } from '../../base/errors.ts';
import type { Cli } from '../cli.ts';
import { defineCommand, namespaceOption, outputOption } from '../define-command.ts';
import { podTable } from '../output/pod-text.ts';
import { printable } from '../output/printable.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { allPages } from '../pages.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = { readonly namespace: string; readonly allNamespaces: boolean; readonly output?: 'json' };

/** `lantern pod status`: the pods of which something is mounted on this node. */
export function podStatusCommand(cli: Cli): Command {
  return defineCommand('status', 'Show which pods are mounted, where, and how their volumes are.', [
    'lantern pod status',
    'lantern pod status mypod -n team-a -o json',
  ])
    .argument('[NAME]', 'only this pod')
    .addOption(namespaceOption('namespace').default('default'))
    .option('-A, --all-namespaces', 'pods of all namespaces', false)
    .addOption(outputOption('json'))
    .action(async (name: string | undefined, options: Options, command: Command) => {
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

import type { Command } from 'commander';
import type { LanternClient } from '../../rpc/client.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { Cli } from '../cli.ts';
import { defineCommand, namespaceOption } from '../define-command.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { fetchObjects } from '../fetch-objects.ts';
import { forEach } from '../for-each.ts';
import { type KindName, oneByOne, parseSelections } from '../kinds.ts';
import { describeConfigMap, describeSecret } from '../output/describe-object.ts';
import { fetchEvents } from '../show-events.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = { readonly namespace?: string };

/** kubectl leaves two lines between objects. */
const BETWEEN = '\n\n\n';

/** `lantern describe`: the values of a Secret are not even asked for. */
export function describeCommand(cli: Cli): Command {
  return defineCommand('describe', 'Show Secrets and ConfigMaps in detail; of Secrets the sizes, no values.', [
    'lantern describe secret mysecret',
    'lantern describe secrets/db-user-pass configmap/settings',
  ])
    .argument('<KIND [NAME]|KIND/NAME...>', 'secret, configmap (cm)')
    .addOption(namespaceOption())
    .action(async (words: readonly string[], { namespace = 'default' }: Options, command: Command) => {
      const wanted = parseSelections(words).flatMap(oneByOne);
      for (const { kind } of wanted) requireDescribable(kind);
      await withDaemon(cli, command, async (daemon) => {
        const descriptions: string[] = [];
        const allWell = await forEach(cli.terminal, wanted, async ({ kind, name }) => {
          const isSecret = kind.kind === 'Secret';
          const objects = await fetchObjects(daemon, { kind, name, namespace, withData: !isSecret }, cli.signal);
          for (const object of objects) {
            descriptions.push(isSecret ? describeSecret(object) : await describeWithEvents(cli, daemon, object));
          }
        });
        if (descriptions.length > 0) cli.terminal.print(descriptions.join(BETWEEN));
        else if (allWell) cli.terminal.complain(`No resources found in ${namespace} namespace.`);
        if (!allWell) throw PARTLY_FAILED;
      });
    });
}

async function describeWithEvents(cli: Cli, daemon: LanternClient, configMap: WireObject): Promise<string> {
  const { namespace = '', name = '' } = configMap.metadata ?? {};
  const query = { namespace, involvedKind: 'ConfigMap', involvedName: name };
  return describeConfigMap(configMap, await fetchEvents(daemon, query, cli.signal), cli.clock.now());
}

function requireDescribable({ kind, plural }: KindName): void {
  if (kind === 'Secret' || kind === 'ConfigMap') return;
  throw wrongUsage(`describe knows secrets and configmaps; take "lantern get ${plural} -o yaml" here`);
}

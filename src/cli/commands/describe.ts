import type { Command } from 'commander';
import type { ObjectKind } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { type Cli, withExamples } from '../command.ts';
import { forEach, PARTLY_FAILED } from '../exit.ts';
import { listKinds, nameOfKind, oneByOne, parseSelections, refuseNames, selectorOf } from '../kinds.ts';
import { fetchObjects, noneFound } from '../objects/fetch-objects.ts';
import { fetchEvents } from '../objects/show-events.ts';
import { type NamespaceOptions, namespaceOption, selectorOption } from '../options.ts';
import {
  describeConfigMap,
  describeProjectedVolume,
  describeSecret,
  describeServiceAccount,
  describeUnitCredentials,
} from '../output/describe-object.ts';
import { withDaemon } from '../with-daemon.ts';

/** kubectl prints two empty lines between objects. */
const BETWEEN = '\n\n\n';

type Options = NamespaceOptions & { readonly allNamespaces: boolean; readonly selector?: string };

/** Does not fetch the values of Secrets. */
export function describeCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern describe secret mysecret',
    'lantern describe secrets/db-user-pass configmap/settings',
    'lantern describe secrets -l app=shop',
    'lantern describe sa,projectedvolumes -n team-a',
  ])
    .argument('<KIND [NAME]|KIND/NAME...>', listKinds())
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'describe objects in all namespaces', false)
    .addOption(selectorOption())
    .action(async (words: readonly string[], { currentNamespace, allNamespaces, selector }: Options) => {
      const namespace = allNamespaces ? '' : currentNamespace;
      const wanted = parseSelections(words).flatMap(oneByOne);
      if (allNamespaces) refuseNames(wanted, '--all-namespaces');
      if (selector !== undefined) refuseNames(wanted, '--selector');
      const isSelected = selectorOf(selector);
      await withDaemon(cli, command, async (daemon) => {
        const describer = new Describer(cli, daemon);
        const descriptions: string[] = [];
        const allWell = await forEach(cli.terminal, wanted, async ({ kind, name }) => {
          const withData = kind.kind !== 'Secret';
          const objects = await fetchObjects(daemon, { kind, name, namespace, withData }, cli.signal);
          for (const object of objects.filter(isSelected))
            descriptions.push(await describer.describe(kind.kind, object));
        });
        if (descriptions.length > 0) cli.terminal.print(descriptions.join(BETWEEN));
        else if (allWell) cli.terminal.complain(noneFound(namespace));
        if (!allWell) throw PARTLY_FAILED;
      });
    });
}

/** Lists the Secrets of a namespace once, however many accounts it describes. */
class Describer {
  readonly #cli: Cli;
  readonly #daemon: LanternClient;
  readonly #secrets = new Map<string, Promise<readonly WireObject[]>>();

  constructor(cli: Cli, daemon: LanternClient) {
    this.#cli = cli;
    this.#daemon = daemon;
  }

  async describe(kind: ObjectKind, object: WireObject): Promise<string> {
    if (kind === 'Secret') return describeSecret(object);
    if (kind === 'ProjectedVolume') return describeProjectedVolume(object);
    const { namespace = '', name: involvedName = '' } = object.metadata ?? {};
    const query = { namespace, involvedKind: kind, involvedName };
    const events = await fetchEvents(this.#daemon, query, this.#cli.signal);
    const now = this.#cli.clock.now();
    if (kind === 'ConfigMap') return describeConfigMap(object, events, now);
    if (kind === 'UnitCredentials') return describeUnitCredentials(object, events, now);
    return describeServiceAccount(object, await this.#secretsIn(namespace), events, now);
  }

  #secretsIn(namespace: string): Promise<readonly WireObject[]> {
    const query = { kind: nameOfKind('Secret'), name: undefined, namespace, withData: false };
    const secrets = this.#secrets.get(namespace) ?? fetchObjects(this.#daemon, query, this.#cli.signal);
    this.#secrets.set(namespace, secrets);
    return secrets;
  }
}

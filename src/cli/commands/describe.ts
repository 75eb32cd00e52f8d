import type { Command } from 'commander';
import type { ObjectKind } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { type Cli, withExamples } from '../command.ts';
import { forEach, PARTLY_FAILED } from '../exit.ts';
import { listKinds, nameOfKind, oneByOne, parseSelections, refuseNames, selectorOf } from '../kinds.ts';
import { fetchObjects } from '../objects/fetch-objects.ts';
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

type Options = NamespaceOptions & { readonly selector?: string };

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
    .addOption(selectorOption())
    .action(async (words: readonly string[], { currentNamespace: namespace, selector }: Options) => {
      const wanted = parseSelections(words).flatMap(oneByOne);
      if (selector !== undefined) refuseNames(wanted, '--selector');
      const isSelected = selectorOf(selector);
      await withDaemon(cli, command, async (daemon) => {
        const describer = new Describer(cli, daemon, namespace);
        const descriptions: string[] = [];
        const allWell = await forEach(cli.terminal, wanted, async ({ kind, name }) => {
          const withData = kind.kind !== 'Secret';
          const objects = await fetchObjects(daemon, { kind, name, namespace, withData }, cli.signal);
          for (const object of objects.filter(isSelected))
            descriptions.push(await describer.describe(kind.kind, object));
        });
        if (descriptions.length > 0) cli.terminal.print(descriptions.join(BETWEEN));
        else if (allWell) cli.terminal.complain(`No resources found in ${namespace} namespace.`);
        if (!allWell) throw PARTLY_FAILED;
      });
    });
}

/** Lists the Secrets of its namespace once, however many accounts it describes. */
class Describer {
  readonly #cli: Cli;
  readonly #daemon: LanternClient;
  readonly #namespace: string;
  #secrets: Promise<readonly WireObject[]> | undefined;

  constructor(cli: Cli, daemon: LanternClient, namespace: string) {
    this.#cli = cli;
    this.#daemon = daemon;
    this.#namespace = namespace;
  }

  async describe(kind: ObjectKind, object: WireObject): Promise<string> {
    if (kind === 'Secret') return describeSecret(object);
    if (kind === 'ProjectedVolume') return describeProjectedVolume(object);
    const query = { namespace: this.#namespace, involvedKind: kind, involvedName: object.metadata?.name ?? '' };
    const events = await fetchEvents(this.#daemon, query, this.#cli.signal);
    const now = this.#cli.clock.now();
    if (kind === 'ConfigMap') return describeConfigMap(object, events, now);
    if (kind === 'UnitCredentials') return describeUnitCredentials(object, events, now);
    return describeServiceAccount(object, await this.#secretsThere(), events, now);
  }

  #secretsThere(): Promise<readonly WireObject[]> {
    const query = { kind: nameOfKind('Secret'), name: undefined, namespace: this.#namespace, withData: false };
    this.#secrets ??= fetchObjects(this.#daemon, query, this.#cli.signal);
    return this.#secrets;
  }
}

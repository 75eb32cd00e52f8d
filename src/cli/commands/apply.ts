import type { Command } from 'commander';
import { hasCode } from '../../base/errors.ts';
import type { Declared } from '../../objects/declared.ts';
import { describeRef, type ObjectKind, refOf } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { mergeRequest } from '../../rpc/lantern/object-messages.ts';
import { callsInOrder, dependsOn } from '../calls-in-order.ts';
import { type Cli, withExamples } from '../command.ts';
import { PARTLY_FAILED } from '../exit.ts';
import { nameOfKind } from '../kinds.ts';
import { readObject } from '../objects/collect-objects.ts';
import { addManifestOptions, type ManifestOptions, readObjects } from '../objects/read-objects.ts';
import { CURRENT, namespaceOption, outputOption } from '../options.ts';
import { formatJson } from '../output/structured.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = ManifestOptions & {
  readonly dryRun: boolean;
  readonly output?: 'name' | 'json';
};

type Answer = {
  readonly kind: ObjectKind;
  readonly namespace: string;
  readonly name: string;
  readonly outcome: string;
};

/** Reads and checks every file before the first object is stored. The store merges (`mergedObject`). */
export function applyCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern apply -f secret.yaml',
    'lantern apply -f manifests/ -f more.yaml -n team-a',
    'lantern apply -k overlays/test',
    'generate-secret | lantern apply -f -',
  ]);
  addManifestOptions(command)
    .option('--dry-run', 'let the daemon validate the objects without storing them', false)
    .addOption(namespaceOption(`namespace of objects without one ${CURRENT}`))
    .addOption(outputOption('name', 'json'))
    .addHelpText('after', `\n${HOW_IT_MERGES}`)
    .action(async (options: Options) => {
      const objects = await readObjects(cli, options);
      await withDaemon(cli, command, (daemon) => applyAll(cli, daemon, objects, options));
    });
}

const HOW_IT_MERGES = [
  'An object that exists is merged, as with kubectl: what the last manifest set and',
  'this one does not is removed, and so is what this one sets to null. What others',
  'set stays.',
].join('\n');

async function applyAll(
  cli: Cli,
  daemon: LanternClient,
  objects: readonly Declared[],
  options: Options,
): Promise<void> {
  const answers: Answer[] = [];
  const allWell = await callsInOrder(cli.terminal, objects, {
    call: async (object) => {
      return await applyOne(cli, daemon, object, options.dryRun).catch((error: unknown) => {
        throw namingObject(error, object);
      });
    },
    tell: (answer) => {
      answers.push(answer);
      if (options.output !== 'json') cli.terminal.print(lineFor(answer, options));
    },
    follows: (object, earlier) => dependsOn(refOf(object.draft), refOf(earlier.draft)),
  });
  if (options.output === 'json') cli.terminal.print(formatJson(answers));
  if (!allWell) throw PARTLY_FAILED;
}

async function applyOne(cli: Cli, daemon: LanternClient, declared: Declared, dryRun: boolean): Promise<Answer> {
  const { signal } = cli;
  const { draft } = declared;
  const { resourceVersion, ...metadata } = draft.metadata;
  const request = { ...mergeRequest(declared), dryRun };
  const { outcome } = await daemon.objects.apply(request, { signal }).catch(async (error: unknown) => {
    if (resourceVersion === undefined || !hasCode(error, 'aborted')) throw error;
    if ((await readObject(daemon, refOf(draft), signal)) !== undefined) throw error;
    // The object was deleted, or its manifest comes from another cluster. Create it, as kubectl does.
    const creation = mergeRequest({ ...declared, draft: { ...draft, metadata } });
    return await daemon.objects.apply({ ...creation, dryRun, createOnly: true }, { signal });
  });
  const { namespace, name } = metadata;
  return { kind: draft.kind, namespace, name, outcome: outcome.toLowerCase() };
}

/** Faults name fields. With several objects the error must name the object too. */
function namingObject(error: unknown, { draft }: Declared): unknown {
  const what = `apply ${describeRef(refOf(draft))}`;
  return hasCode(error, 'invalid-argument') && !error.message.startsWith(`${what}: `) ? error.within(what) : error;
}

function lineFor(answer: Answer, options: Options): string {
  const name = `${nameOfKind(answer.kind).singular}/${answer.name}`;
  if (options.output === 'name') return name;
  return `${name} ${answer.outcome}${options.dryRun ? ' (dry run)' : ''}`;
}

import type { Command } from 'commander';
import { orThrow } from '../../base/parsed.ts';
import type { Declared } from '../../objects/declared.ts';
import { refOf } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { callsInOrder, dependsOn } from '../calls-in-order.ts';
import { applyObject, namingObject } from '../changing/apply-object.ts';
import { type ResultOptions, Results } from '../changing/results.ts';
import { type Cli, withExamples } from '../command.ts';
import { forEach, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { nameOfKind, selectorOf } from '../kinds.ts';
import { resultOption } from '../objects/object-format.ts';
import { addManifestOptions, type ManifestOptions, readSelectedObjects } from '../objects/read-objects.ts';
import {
  addWithoutEffect,
  CURRENT,
  DRY_RUN_REMARKS,
  dryRunOption,
  namespaceOption,
  selectorOption,
} from '../options.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = ManifestOptions &
  ResultOptions & { readonly prune: boolean; readonly selector?: string; readonly all: boolean };

/** Reads and checks every file before the first object is stored. The store merges (`mergedObject`). */
export function applyCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern apply -f secret.yaml',
    'lantern apply -f manifests/ -f more.yaml -n team-a',
    'lantern apply -k overlays/test --dry-run=server -o yaml',
    'lantern apply -f manifests/ --prune -l app=shop',
    'generate-secret | lantern apply -f -',
  ]);
  // The daemon always merges and validates, and there is only one record of what was applied. It needs no time.
  addWithoutEffect(command, '--server-side', '--force-conflicts', '--validate [MODE]', '--field-manager <NAME>');
  addWithoutEffect(command, '--overwrite', '--record', '--wait', '--timeout <DURATION>');
  addManifestOptions(command)
    .addOption(
      dryRunOption(
        'store nothing; "server" (also if no mode is given) lets the daemon validate and merge, "client" only checks ' +
          'the manifests and needs no daemon',
        'server',
      ),
    )
    .addOption(selectorOption())
    .option('--prune', 'delete what apply made, these manifests lack, and -l or --all selects', false)
    .option('--all', 'with --prune: all objects of the namespaces in the manifests', false)
    .addOption(namespaceOption(`namespace of objects without one ${CURRENT}`))
    .addOption(resultOption())
    .addHelpText('after', `\n${HOW_IT_MERGES}`)
    .action(async (options: Options) => {
      checkPruning(options);
      const objects = await readSelectedObjects(cli, options);
      const allWell = await applyAll(cli, command, objects.selected, options);
      if (!allWell && options.prune) cli.terminal.complain('lantern: nothing was pruned because of these objects');
      const isPruned = !allWell || !options.prune || (await prune(cli, command, objects, options));
      if (!allWell || !isPruned) throw PARTLY_FAILED;
    });
}

const HOW_IT_MERGES = [
  'An object that exists is merged, as with kubectl: what the last manifest set and',
  'this one does not is removed, and so is what this one sets to null. What others',
  'set stays. With -l, objects of the manifests that do not match are left out.',
].join('\n');

function checkPruning({ prune, selector, all }: Options): void {
  if (selector !== undefined && all) throw wrongUsage('-l and --all cannot be combined');
  if (all && !prune) throw wrongUsage('--all needs --prune: all objects of the manifests are applied anyway');
  if (!prune || selector !== undefined || all) return;
  throw wrongUsage(
    '--prune deletes what the manifests lack: choose from which objects, with -l SELECTOR or with --all',
  );
}

async function applyAll(cli: Cli, command: Command, objects: readonly Declared[], options: Options): Promise<boolean> {
  const results = new Results(cli.terminal, options);
  const allWell =
    options.dryRun === 'client'
      ? await checkAll(cli, objects, results)
      : await withDaemon(cli, command, (daemon) => storeAll(cli, daemon, objects, results, options));
  await results.endAsList();
  return allWell;
}

async function checkAll({ terminal }: Cli, objects: readonly Declared[], results: Results): Promise<boolean> {
  // Loads the schemas of volumes, which the daemon applies otherwise.
  const { admitObject } = await import('../../spec/admit-object.ts');
  return await forEach(terminal, objects, ({ draft }) =>
    namingObject('apply', refOf(draft), () => results.add(orThrow(admitObject(draft)), 'valid')),
  );
}

async function storeAll(
  cli: Cli,
  daemon: LanternClient,
  objects: readonly Declared[],
  results: Results,
  { dryRun }: Options,
): Promise<boolean> {
  const asked = { dryRun: dryRun !== 'none', withData: results.withData };
  return await callsInOrder(cli, objects, {
    doing: 'applying objects',
    call: (object) => applyObject(cli, daemon, object, asked),
    tell: ({ object, outcome }) => results.add(object, outcome),
    follows: (object, earlier) => dependsOn(refOf(object.draft), refOf(earlier.draft)),
  });
}

/** Asks the daemon also with --dry-run=client: only it knows what there is. */
async function prune(
  cli: Cli,
  command: Command,
  { all, selected }: Awaited<ReturnType<typeof readSelectedObjects>>,
  options: Options,
): Promise<boolean> {
  const { pruneObjects } = await import('../changing/prune-objects.ts');
  const { output, dryRun, selector } = options;
  const isText = output === undefined || output === 'name';
  return await withDaemon(cli, command, (daemon) =>
    pruneObjects(cli, daemon, selected, {
      declared: all,
      isSelected: selectorOf(selector),
      isDryRun: dryRun !== 'none',
      tell: ({ kind, name }) => {
        const object = `${nameOfKind(kind).singular}/${name}`;
        const line = output === 'name' ? object : `${object} pruned${DRY_RUN_REMARKS[dryRun]}`;
        if (isText) cli.terminal.print(line);
        else cli.terminal.complain(line);
      },
    }),
  );
}

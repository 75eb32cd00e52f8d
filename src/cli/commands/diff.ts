import type { Command } from 'commander';
import type { Declared } from '../../objects/declared.ts';
import { refOf } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { callsInOrder } from '../calls-in-order.ts';
import { applyObject } from '../changing/apply-object.ts';
import { keyDifferences, valueDifferences } from '../changing/diff-object.ts';
import { type Cli, withExamples } from '../command.ts';
import { asTrouble, commandEnded, PARTLY_FAILED } from '../exit.ts';
import { readObject } from '../objects/collect-objects.ts';
import { addManifestOptions, type ManifestOptions, readSelectedObjects } from '../objects/read-objects.ts';
import { addWithoutEffect, CURRENT, namespaceOption, selectorOption } from '../options.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = ManifestOptions & { readonly selector?: string; readonly showValues: boolean };

/** The daemon merges, so that the difference is what `apply` would make. */
export function diffCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern diff -f manifests/',
    'lantern diff -k overlays/test --show-values',
    'lantern diff -f secret.yaml && echo "nothing to apply"',
  ]);
  addWithoutEffect(command, '--server-side', '--force-conflicts', '--field-manager <NAME>');
  addManifestOptions(command)
    .addOption(selectorOption())
    .addOption(namespaceOption(`namespace of objects without one ${CURRENT}`))
    .option('--show-values', 'print a unified diff of the manifests, with the values of Secrets', false)
    .addHelpText('after', `\n${EXIT_CODES}`)
    .action(async (options: Options) => {
      let isSame: boolean;
      try {
        const { selected } = await readSelectedObjects(cli, options);
        isSame = await withDaemon(cli, command, (daemon) => compareAll(cli, daemon, selected, options));
      } catch (error) {
        throw asTrouble(error, cli.signal.aborted);
      }
      if (!isSame) throw commandEnded(1);
    });
}

const EXIT_CODES = 'Exit code: 0 if an apply would change nothing, 1 if it would, 2 after an error.';

async function compareAll(
  cli: Cli,
  daemon: LanternClient,
  objects: readonly Declared[],
  { showValues }: Options,
): Promise<boolean> {
  let isSame = true;
  const allWell = await callsInOrder(cli, objects, {
    doing: 'comparing objects',
    call: async (declared) => {
      const before = await readObject(daemon, refOf(declared.draft), cli.signal);
      const { object: after } = await applyObject(cli, daemon, declared, { dryRun: true, withData: true });
      const { style } = cli.terminal;
      return showValues ? await valueDifferences(before, after, style) : keyDifferences(before, after, style);
    },
    tell: (differences) => {
      if (differences === undefined) return;
      isSame = false;
      cli.terminal.print(differences);
    },
    follows: () => false,
  });
  if (!allWell) throw PARTLY_FAILED;
  return isSame;
}

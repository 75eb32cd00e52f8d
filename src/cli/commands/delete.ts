import { type Command, Option } from 'commander';
import type { ObjectRef } from '../../objects/object.ts';
import { deleteObjects, removeObject } from '../changing/delete-objects.ts';
import { type Cli, withExamples } from '../command.ts';
import { PARTLY_FAILED } from '../exit.ts';
import { listKinds, nameOfKind } from '../kinds.ts';
import { addChoiceOptions, type ChoiceOptions, chooseObjects } from '../objects/chosen-objects.ts';
import { addWithoutEffect, DRY_RUN_REMARKS, type DryRun, dryRunOption, outputOption } from '../options.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = ChoiceOptions & {
  readonly ignoreNotFound: boolean;
  readonly dryRun: DryRun;
  readonly output?: 'name';
};

/** Volumes keep the contents of a deleted object, unless it is optional in their spec. */
export function deleteCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern delete secret mysecret',
    'lantern delete secret/mysecret configmap/settings -n team-a',
    'lantern delete -f secret.yaml',
    'lantern delete -k overlays/test',
    "lantern delete secrets -l 'tier in (web,db)' --dry-run=client",
  ]).argument('[KIND NAME|KIND/NAME...]', listKinds());
  addChoiceOptions(command, 'delete')
    .option('--ignore-not-found', 'treat an object that does not exist as deleted', false)
    .addOption(dryRunOption('look for the objects without deleting them; both modes ask the daemon'))
    .addOption(outputOption('name'))
    .addOption(new Option('--wait [BOOL]').choices(['true', 'false']).preset('true').hideHelp())
    .addOption(new Option('--cascade [MODE]').choices(CASCADES).hideHelp())
    .addHelpText('after', `\n${NOTHING_TO_WAIT_FOR}`);
  addWithoutEffect(command, '--force', '--now', '--grace-period <SECONDS>', '--timeout <DURATION>');
  command.action(async (words: readonly string[], options: Options) => {
    const { isListed, refs } = await chooseObjects(cli, words, options, 'delete');
    const isDryRun = options.dryRun !== 'none';
    const how = { ignoreNotFound: isListed || options.ignoreNotFound, dryRun: isDryRun };
    await withDaemon(cli, command, async (daemon) => {
      const allWell = await deleteObjects(cli, daemon, await refs(daemon), {
        remove: (ref) => removeObject(cli, daemon, ref, how),
        tell: (ref) => cli.terminal.print(lineFor(ref, options)),
        isDryRun,
      });
      if (!allWell) throw PARTLY_FAILED;
    });
  });
}

const CASCADES = ['background', 'orphan', 'foreground', 'true', 'false'];

/** A deletion is done when it is answered, and nothing belongs to an object of these kinds. */
const NOTHING_TO_WAIT_FOR = [
  "Nothing has to be waited for or ended before: kubectl's --wait, --force, --now,",
  '--grace-period, --cascade and --timeout are accepted and change nothing.',
].join('\n');

function lineFor({ kind, name }: ObjectRef, { output, dryRun }: Options): string {
  const { singular } = nameOfKind(kind);
  return output === 'name' ? `${singular}/${name}` : `${singular} "${name}" deleted${DRY_RUN_REMARKS[dryRun]}`;
}

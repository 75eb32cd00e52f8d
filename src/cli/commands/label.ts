import type { Command } from 'commander';
import { changeMetadata, type MetadataOptions } from '../changing/change-metadata.ts';
import { type Cli, withExamples } from '../command.ts';
import { listKinds } from '../kinds.ts';
import { addChoiceOptions } from '../objects/chosen-objects.ts';
import { resultOption } from '../objects/object-format.ts';
import { dryRunOption } from '../options.ts';

export function labelCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern label secret mysecret tier=web team=shop',
    'lantern label secret mysecret tier-',
    'lantern label --overwrite configmaps --all tier=db',
    'lantern label secret mysecret --list',
  ]);
  addMetadataOptions(command, cli, 'labels');
}

export function annotateCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    "lantern annotate secret mysecret owner='the shop team'",
    'lantern annotate secret mysecret owner-',
    'lantern annotate --overwrite secrets -l tier=web rotated=2026-11-30',
  ]);
  addMetadataOptions(command, cli, 'annotations');
}

function addMetadataOptions(command: Command, cli: Cli, field: 'labels' | 'annotations'): void {
  command.argument(
    '[KIND NAME|KIND/NAME KEY=VALUE|KEY-...]',
    `${listKinds()}; then ${field} to set, or with "-" to remove`,
  );
  addChoiceOptions(command, command.name())
    .option('--overwrite', `change ${field} that have another value`, false)
    .option('--list', `show the ${field}, after the changes if there are any`, false)
    .option('--resource-version <VERSION>', 'the version that the object must have; for one object')
    .addOption(dryRunOption('store nothing; with "server" the daemon validates the changes'))
    .addOption(resultOption())
    .action(async (words: readonly string[], options: MetadataOptions) => {
      await changeMetadata(cli, command, field, words, options);
    });
}

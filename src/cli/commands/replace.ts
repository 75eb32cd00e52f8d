import type { Command } from 'commander';
import type { ResultOptions } from '../changing/results.ts';
import { replaceFromManifests } from '../changing/store-manifests.ts';
import { type Cli, withExamples } from '../command.ts';
import { resultOption } from '../objects/object-format.ts';
import { addManifestOptions, type ManifestOptions, readObjects } from '../objects/read-objects.ts';
import { addWithoutEffect, CURRENT, dryRunOption, namespaceOption } from '../options.ts';

type Options = ManifestOptions & ResultOptions & { readonly force: boolean };

export function replaceCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern replace -f secret.yaml',
    'lantern get cm settings -o yaml | sed s/blue/red/ | lantern replace -f -',
    'lantern replace --force -f immutable.yaml',
  ]);
  // A deletion is done when it is answered.
  addWithoutEffect(command, '--grace-period <SECONDS>', '--timeout <DURATION>', '--cascade [MODE]');
  addManifestOptions(command)
    .option('--force', 'delete and create the objects, to change what is immutable', false)
    .addOption(dryRunOption('store nothing; "client" needs no daemon, "server" lets the daemon validate'))
    .addOption(namespaceOption(`namespace of objects without one ${CURRENT}`))
    .addOption(resultOption())
    .addHelpText(
      'after',
      '\nAn object loses what its manifest lacks. If the manifest has a resourceVersion, the\n' +
        'object must still be at it. "lantern apply" merges instead.',
    )
    .action(async (options: Options) => {
      await replaceFromManifests(cli, command, await readObjects(cli, options), options);
    });
}

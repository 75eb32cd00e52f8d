import type { Command } from 'commander';
import type { SuffixRule } from '../../objects/kustomize/name-suffix.ts';
import { type Cli, withExamples } from '../command.ts';
import { buildDocuments, passedThrough } from '../objects/kustomize.ts';
import { suffixHashOption } from '../objects/read-objects.ts';
import { printYaml } from '../output/print-yaml.ts';

/** Prints what `apply -k` would store, and the documents of other kinds. Needs no daemon. */
export function kustomizeCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern kustomize overlays/test',
    'lantern kustomize overlays/test | lantern apply -n team-a -f -',
  ])
    .argument('[DIR]', 'directory with a kustomization.yaml', '.')
    .addOption(suffixHashOption())
    .action(async (directory: string, { suffixHash }: { readonly suffixHash: SuffixRule }) => {
      const built = await buildDocuments(cli, directory, 'default', suffixHash);
      const passed = passedThrough(built);
      if (passed.length > 0) cli.terminal.complain(`lantern: ${PASSED}: ${passed.join(', ')}`);
      const texts = built.map(({ raw }) => printYaml(raw));
      if (texts.length > 0) cli.terminal.print(texts.join('\n---\n'));
    });
}

const PASSED =
  'changed only in metadata and in references to Secrets, ConfigMaps and ServiceAccounts; use kustomize for a cluster';

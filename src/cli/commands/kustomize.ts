import type { Command } from 'commander';
import type { SuffixRule } from '../../objects/kustomize/name-suffix.ts';
import { type Cli, withExamples } from '../define-command.ts';
import { buildDocuments, passedThrough, suffixHashOption } from '../objects/kustomize.ts';
import { printYaml } from '../output/print-yaml.ts';

/** `lantern kustomize`: what `apply -k` would store, values included, and the Pods and others beside it. Needs no daemon. */
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
  'passed through with no more than their metadata and the Secrets, ConfigMaps and ServiceAccounts of their Pods changed; ' +
  'for a cluster, use kustomize itself';

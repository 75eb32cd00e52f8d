import type { Command } from 'commander';
import { type Fault, invalid } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import type { SuffixRule } from '../../objects/name-suffix.ts';
import { objectToManifest } from '../../objects/object-to-manifest.ts';
import type { ManifestDocument } from '../../objects/parse-manifest.ts';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define-command.ts';
import { buildDocuments, suffixHashOption } from '../kustomize.ts';
import { draftOf, inFile, isPod } from '../manifests.ts';
import { formatYaml } from '../output/structured.ts';

/** Left out of what is printed, as it is where none is named: whoever applies it may then say another with -n. */
const DEFAULT_NAMESPACE = 'default';

/** `lantern kustomize`: what `apply -k` would store, values included, and the Pods beside it. Needs no daemon. */
export function kustomizeCommand(cli: Cli): Command {
  return defineCommand('kustomize', 'Print the manifests that a kustomization.yaml stands for, values included.', [
    'lantern kustomize overlays/test',
    'lantern kustomize overlays/test | lantern apply -n team-a -f -',
  ])
    .argument('[DIR]', 'directory with a kustomization.yaml', '.')
    .addOption(suffixHashOption())
    .action(async (directory: string, { suffixHash }: { readonly suffixHash: SuffixRule }) => {
      const documents = await buildDocuments(cli, directory, DEFAULT_NAMESPACE, suffixHash);
      const manifests: unknown[] = [];
      const faults: Fault[] = [];
      for (const manifest of documents.map(manifestOf)) {
        if (manifest.ok) manifests.push(manifest.value);
        else
          faults.push(...manifest.faults.map(({ field, message }) => ({ field: inFile(directory, field), message })));
      }
      if (faults.length > 0) throw invalid(faults);
      const texts = await Promise.all(manifests.map(formatYaml));
      if (texts.length > 0) cli.terminal.print(texts.join('\n---\n'));
    });
}

/** Kinds other than those kept and Pods are a fault: references in them would not have been rewritten. */
function manifestOf(document: ManifestDocument): Parsed<unknown> {
  if (isPod(document)) return parsed(document.raw);
  const draft = draftOf(document, undefined);
  if (!draft.ok) return faulty(draft.faults);
  const { namespace } = draft.value.metadata;
  const manifest = objectToManifest(draft.value, { withData: true });
  if (namespace !== DEFAULT_NAMESPACE) return parsed(manifest);
  const { namespace: _, ...metadata } = manifest.metadata as Record<string, unknown>;
  return parsed({ ...manifest, metadata });
}

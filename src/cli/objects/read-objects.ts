import { type Command, Option } from 'commander';
import { invalid } from '../../base/errors.ts';
import { orThrow } from '../../base/parsed.ts';
import type { Declared } from '../../objects/declared.ts';
import { SUFFIX_RULES, type SuffixRule } from '../../objects/kustomize/name-suffix.ts';
import { parseLabelSelector } from '../../objects/label-selector.ts';
import type { Cli } from '../command.ts';
import { wrongUsage } from '../exit.ts';
import { inFile, manifestFiles } from '../input-files.ts';
import { filenameOption, type NamespaceOptions } from '../options.ts';
import type { Manifests, PodDocument } from './manifests.ts';

export type ManifestOptions = NamespaceOptions & {
  readonly filename?: readonly string[];
  readonly recursive: boolean;
  readonly kustomize?: string;
  readonly suffixHash: SuffixRule;
};

export function addManifestOptions(command: Command): Command {
  return addKustomizeOptions(command.addOption(filenameOption())).option(
    '-R, --recursive',
    'read the subdirectories of a directory too',
    false,
  );
}

export function addKustomizeOptions(command: Command): Command {
  return command
    .option('-k, --kustomize <DIR>', 'directory with a kustomization.yaml; not with -f')
    .addOption(suffixHashOption());
}

export function suffixHashOption(): Option {
  return new Option('--suffix-hash <RULE>', 'rule for the suffix of generated names; legacy: as kubectl 1.15')
    .choices(SUFFIX_RULES)
    .default('kustomize');
}

/** Prints a notice about each Pod. */
export async function readObjects(cli: Cli, options: ManifestOptions): Promise<readonly Declared[]> {
  const { objects, pods } = await readFilesOrKustomization(cli, options);
  if (pods.length > 0) await checkFields(pods);
  for (const { name } of pods) {
    cli.terminal.complain(`lantern: pod/${name} skipped: Pods are not stored, only the objects they use`);
  }
  if (objects.length === 0) cli.terminal.complain(`lantern: ${ONLY_PODS}`);
  return objects;
}

/** As with kubectl, -l chooses among the objects of the manifests. */
export async function readSelectedObjects(
  cli: Cli,
  { selector, ...options }: ManifestOptions & { readonly selector?: string },
): Promise<{ readonly all: readonly Declared[]; readonly selected: readonly Declared[] }> {
  if (selector?.trim() === '') throw wrongUsage('an empty selector matches all objects; leave it out');
  const isSelected = selector === undefined ? () => true : orThrow(parseLabelSelector(selector, '--selector'));
  const all = await readObjects(cli, options);
  const selected = all.filter(({ draft }) => isSelected(draft.metadata.labels));
  if (all.length > 0 && selected.length === 0) cli.terminal.complain('lantern: -l selects no object of the manifests');
  return { all, selected };
}

const ONLY_PODS = 'no objects beside the Pods; to mount what the Pods use, run "lantern pod mount -f FILE ROOT"';

/** Checks only for misspelt fields. The Pods are not mounted, so no later check finds these. */
async function checkFields(pods: readonly PodDocument[]): Promise<void> {
  // Loads the fields of a Pod, which objects do not need.
  const { podFieldFaults } = await import('../../spec/pod/pod-fields.ts');
  const faults = pods.flatMap(({ place, name, raw }) => {
    return podFieldFaults(raw).map(({ field, message }) => ({
      field: inFile(place, `Pod "${name}": ${field}`),
      message,
    }));
  });
  if (faults.length > 0) throw invalid(faults);
}

/** Throws `wrongUsage` unless exactly one of -f and -k is given. */
export async function readFilesOrKustomization(cli: Cli, options: ManifestOptions): Promise<Manifests> {
  const { filename, kustomize, suffixHash } = options;
  if (filename !== undefined && kustomize !== undefined) throw wrongUsage('-f and -k cannot be combined');
  // Loads parsers and schemas, which `lantern delete secret NAME` does not need.
  if (kustomize !== undefined) {
    const { readKustomization } = await import('./kustomize.ts');
    return readKustomization(cli, kustomize, options, suffixHash);
  }
  if (filename === undefined) throw wrongUsage('one of -f FILE and -k DIR is required');
  const { readManifests } = await import('./manifests.ts');
  return readManifests(await manifestFiles(filename, options.recursive), options, cli.terminal);
}

import { type Command, Option } from 'commander';
import { invalid } from '../base/errors.ts';
import { parsed } from '../base/parsed.ts';
import type { Declared } from '../objects/declared.ts';
import type { Finished } from '../objects/kustomize-finish.ts';
import { SUFFIX_RULES, type SuffixRule } from '../objects/name-suffix.ts';
import type { Cli } from './cli.ts';
import { wrongUsage } from './exit.ts';
import { manifestFiles } from './input-files.ts';
import { openKustomizeDirectory } from './kustomize-directory.ts';
import {
  inFile,
  isLeftOut,
  type Manifests,
  nameOfOther,
  nameOfPod,
  type PodDocument,
  readManifests,
  sortDocuments,
} from './manifests.ts';
import { printable } from './output/printable.ts';

/** Options of commands that take objects from manifests or from a kustomization. */
export type ManifestOptions = {
  readonly filename?: readonly string[];
  readonly recursive: boolean;
  readonly kustomize?: string;
  readonly suffixHash: SuffixRule;
  readonly namespace?: string;
};

export function addKustomizeOptions(command: Command): Command {
  return command
    .option('-k, --kustomize <DIR>', 'directory with a kustomization.yaml; not with -f')
    .addOption(suffixHashOption());
}

export function suffixHashOption(): Option {
  return new Option('--suffix-hash <RULE>', 'how generated names get their suffix: as kustomize, or as kubectl 1.15')
    .choices(SUFFIX_RULES)
    .default('kustomize');
}

/** The objects that -f or -k means; exactly one of them must be given. What Pods are among them is said on stderr. */
export async function readObjects(cli: Cli, options: ManifestOptions): Promise<readonly Declared[]> {
  const { objects, pods } = await readFilesOrKustomization(cli, options);
  await checkFields(pods);
  for (const pod of pods) {
    cli.terminal.complain(`lantern: pod/${nameOfPod(pod)} skipped: Pods are not stored, only the objects they use`);
  }
  if (objects.length === 0) cli.terminal.complain(`lantern: ${ONLY_PODS}`);
  return objects;
}

/** Of a Pod that nobody mounts only the fields count: misspelt ones would be found when it is too late. */
async function checkFields(pods: readonly PodDocument[]): Promise<void> {
  if (pods.length === 0) return;
  const { podFieldFaults } = await import('../spec/pod-fields.ts');
  const faults = pods.flatMap((pod) => {
    return podFieldFaults(pod.raw).map(({ field, message }) => ({
      field: inFile(pod.place, `Pod "${nameOfPod(pod)}": ${field}`),
      message,
    }));
  });
  if (faults.length > 0) throw invalid(faults);
}

const ONLY_PODS = 'there is no object beside the Pods; "lantern pod mount -f FILE ROOT" mounts what Pods use';

/** Objects and Pods that -f or -k means; exactly one of them must be given. */
export async function readFilesOrKustomization(cli: Cli, options: ManifestOptions): Promise<Manifests> {
  const { filename, kustomize, namespace, suffixHash } = options;
  if (filename !== undefined && kustomize !== undefined) throw wrongUsage('take objects from -f or from -k, not both');
  if (kustomize !== undefined) {
    const built = await buildDocuments(cli, kustomize, namespace ?? 'default', suffixHash);
    const documents = built.map(({ document }) => document);
    return sortDocuments([{ place: kustomize, documents: parsed(documents) }], namespace, cli.terminal);
  }
  if (filename === undefined) throw wrongUsage('say where the objects are, with -f FILE or -k DIR');
  return readManifests(await manifestFiles(filename, options.recursive), namespace, cli.terminal);
}

/**
 * What the kustomization in `directory` stands for; what was left out of it is said on stderr. Throws `invalid-argument`
 * with all its faults.
 */
export async function buildDocuments(
  cli: Cli,
  directory: string,
  defaultNamespace: string,
  suffixRule: SuffixRule,
): Promise<readonly Finished[]> {
  const { buildKustomization } = await import('../objects/kustomize-build.ts');
  const options = { defaultNamespace, suffixRule, environment: cli.environment };
  await using top = await openKustomizeDirectory(directory);
  const built = await buildKustomization(top, options);
  if (!built.ok) throw invalid(built.faults);
  for (const notice of built.value.notices) cli.terminal.complain(printable(`lantern: ${notice}`));
  return built.value.documents;
}

/** Kinds that are neither kept nor mounted, by names for a message. */
export function passedThrough(built: readonly Finished[]): string[] {
  return built
    .map(({ document }) => document)
    .filter(isLeftOut)
    .map(nameOfOther);
}

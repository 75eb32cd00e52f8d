import { type Command, Option } from 'commander';
import { invalid } from '../base/errors.ts';
import { parsed } from '../base/parsed.ts';
import { SUFFIX_RULES, type SuffixRule } from '../objects/name-suffix.ts';
import type { ObjectDraft } from '../objects/object.ts';
import type { ManifestDocument } from '../objects/parse-manifest.ts';
import type { Cli } from './cli.ts';
import { wrongUsage } from './exit.ts';
import { manifestFiles } from './input-files.ts';
import { withKustomizeDirectory } from './kustomize-directory.ts';
import { type Manifests, nameOfPod, readManifests, sortDocuments } from './manifests.ts';

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
export async function readObjects(cli: Cli, options: ManifestOptions): Promise<readonly ObjectDraft[]> {
  const { drafts, pods } = await readFilesOrKustomization(cli, options);
  for (const pod of pods) {
    cli.terminal.complain(`lantern: pod/${nameOfPod(pod)} skipped: Pods are not stored, only the objects they use`);
  }
  if (drafts.length === 0) cli.terminal.complain(`lantern: ${ONLY_PODS}`);
  return drafts;
}

const ONLY_PODS = 'there is no object beside the Pods; "lantern pod mount -f FILE ROOT" mounts what Pods use';

/** Objects and Pods that -f or -k means; exactly one of them must be given. */
export async function readFilesOrKustomization(cli: Cli, options: ManifestOptions): Promise<Manifests> {
  const { filename, kustomize, namespace, suffixHash } = options;
  if (filename !== undefined && kustomize !== undefined) throw wrongUsage('take objects from -f or from -k, not both');
  if (kustomize !== undefined) {
    const documents = await buildDocuments(cli, kustomize, namespace ?? 'default', suffixHash);
    return sortDocuments([{ place: kustomize, documents: parsed(documents) }], namespace);
  }
  if (filename === undefined) throw wrongUsage('say where the objects are, with -f FILE or -k DIR');
  return readManifests(await manifestFiles(filename, options.recursive), namespace, cli.terminal);
}

/** What the kustomization in `directory` stands for. Throws `invalid-argument` with all its faults. */
export async function buildDocuments(
  cli: Cli,
  directory: string,
  defaultNamespace: string,
  suffixRule: SuffixRule,
): Promise<ManifestDocument[]> {
  const { buildKustomization } = await import('../objects/kustomize-build.ts');
  const options = { defaultNamespace, suffixRule, environment: cli.environment };
  const built = await withKustomizeDirectory(directory, (files) => buildKustomization(files, options));
  if (!built.ok) throw invalid(built.faults);
  return built.value;
}

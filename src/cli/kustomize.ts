import { type Command, Option } from 'commander';
import { type Fault, invalid } from '../base/errors.ts';
import { SUFFIX_RULES, type SuffixRule } from '../objects/name-suffix.ts';
import type { ObjectDraft } from '../objects/object.ts';
import type { ManifestDocument } from '../objects/parse-manifest.ts';
import type { Cli } from './cli.ts';
import { wrongUsage } from './exit.ts';
import { manifestFiles } from './input-files.ts';
import { kustomizeDirectory } from './kustomize-directory.ts';
import { draftOf, inFile, readManifests } from './manifests.ts';
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

/** The objects that -f or -k means; exactly one of them must be given. */
export async function readObjects(cli: Cli, options: ManifestOptions): Promise<ObjectDraft[]> {
  const { filename, kustomize, namespace } = options;
  if (filename !== undefined && kustomize !== undefined) throw wrongUsage('take objects from -f or from -k, not both');
  if (kustomize !== undefined) return readKustomization(cli, kustomize, options);
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
  const built = await buildKustomization(await kustomizeDirectory(directory), options);
  if (!built.ok) throw invalid(built.faults);
  return built.value;
}

async function readKustomization(
  cli: Cli,
  directory: string,
  { namespace, suffixHash }: ManifestOptions,
): Promise<ObjectDraft[]> {
  const documents = await buildDocuments(cli, directory, namespace ?? 'default', suffixHash);
  const drafts: ObjectDraft[] = [];
  const faults: Fault[] = [];
  const skipped: string[] = [];
  for (const document of documents) {
    if (isPod(document)) {
      skipped.push(nameOf(document.raw));
      continue;
    }
    const draft = draftOf(document, namespace);
    if (draft.ok) drafts.push(draft.value);
    else faults.push(...draft.faults.map(({ field, message }) => ({ field: inFile(directory, field), message })));
  }
  if (faults.length > 0) throw invalid(faults);
  if (drafts.length + skipped.length === 0) throw invalid([{ field: directory, message: 'no objects found' }]);
  for (const name of skipped) {
    cli.terminal.complain(`lantern: pod/${printable(name)} skipped: Pods are not stored, only the objects they use`);
  }
  return drafts;
}

export function isPod(document: ManifestDocument): document is Extract<ManifestDocument, { kind: 'other' }> {
  return document.kind === 'other' && document.objectKind === 'Pod' && document.apiVersion === 'v1';
}

function nameOf({ metadata }: Readonly<Record<string, unknown>>): string {
  const name = typeof metadata === 'object' && metadata !== null && 'name' in metadata ? metadata.name : undefined;
  return typeof name === 'string' ? name : '(no name)';
}

import { z } from 'zod';
import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { optional, through } from '../base/schemas.ts';
import { parseNamespace, parseObjectName } from './names.ts';
import { TEXT_LIMITS } from './text-limits.ts';
import { parseYamlDocuments } from './yaml.ts';

/** The names a kustomization file may have; a directory has exactly one of them. */
export const KUSTOMIZATION_NAMES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const;

const texts = optional(z.array(z.string()));
const labels = optional(z.record(z.string(), z.string()));
const namespace = through(optional(z.string()), (value, field): Parsed<string | undefined> => {
  return value === undefined || value === '' ? parsed(undefined) : parseNamespace(value, field);
});

const options = optional(
  z.strictObject({
    labels,
    annotations: labels,
    disableNameSuffixHash: optional(z.boolean()),
    immutable: optional(z.boolean()),
  }),
);

const generator = {
  name: through(z.string(), parseObjectName),
  namespace,
  behavior: optional(z.literal('create')),
  files: texts,
  literals: texts,
  envs: texts,
  env: optional(z.string()),
  options,
};

const kustomization = z.strictObject({
  apiVersion: optional(z.literal('kustomize.config.k8s.io/v1beta1')),
  kind: optional(z.literal('Kustomization')),
  namespace,
  resources: texts,
  secretGenerator: optional(z.array(z.strictObject({ ...generator, type: optional(z.string()) }))),
  configMapGenerator: optional(z.array(z.strictObject(generator))),
  generatorOptions: options,
});

/** What a kustomization file says; paths in it are relative to its directory. */
export type Kustomization = z.output<typeof kustomization>;
export type GeneratorOptions = NonNullable<Kustomization['generatorOptions']>;
/** `type` is a Secret's. */
export type Generator = NonNullable<Kustomization['configMapGenerator']>[number] & {
  readonly type?: string | undefined;
};

/** Fields that kustomize knows and Lantern does not: a misspelling is another matter. */
const UNSUPPORTED: ReadonlySet<string> = new Set(
  (
    'bases buildMetadata commonAnnotations commonLabels components configurations crds generators helmCharts ' +
    'helmGlobals images labels metadata namePrefix nameSuffix openapi patches patchesJson6902 patchesStrategicMerge ' +
    'replacements replicas sortOptions transformers validators vars'
  ).split(' '),
);

/** The text of a kustomization file; every field that has no meaning here is a fault. */
export function parseKustomization(text: string): Parsed<Kustomization> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.kustomization);
  if (!documents.ok) return documents;
  const [document, ...more] = documents.value.filter((value) => value !== null);
  if (document === undefined) return faulty([{ field: '', message: 'is empty' }]);
  if (more.length > 0) return faulty([{ field: '', message: 'must be one document' }]);
  const { supported, faults } = withoutUnsupported(document);
  const result = parseBy(kustomization, supported);
  const all = [...faults, ...(result.ok ? [] : result.faults)];
  return all.length > 0 ? faulty(all) : result;
}

function withoutUnsupported(document: unknown): { supported: unknown; faults: Fault[] } {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return { supported: document, faults: [] };
  }
  const fields = Object.entries(document);
  return {
    supported: Object.fromEntries(fields.filter(([name]) => !UNSUPPORTED.has(name))),
    faults: fields
      .filter(([name]) => UNSUPPORTED.has(name))
      .map(([name]) => ({ field: name, message: 'is not supported here; write what it does into the resources' })),
  };
}

import * as z from 'zod';
import type { Fault } from '../../base/errors.ts';
import { faulty, isFields, type Parsed, parseBy, parsed } from '../../base/parsed.ts';
import { flag, optional, optionalText as text, through } from '../../base/schemas.ts';
import { parseYamlDocuments } from '../manifest/yaml.ts';
import { parseNamespace } from '../names.ts';
import { objectName } from '../object-schema.ts';
import { TEXT_LIMITS } from '../text-limits.ts';

/** A directory must have exactly one of these files. */
export const KUSTOMIZATION_NAMES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const;

/** For all features of kustomize that Lantern does not build. */
export const USE_KUSTOMIZE = 'is not supported here; use kustomize itself: kustomize build DIR | lantern apply -f -';

const texts = optional(z.array(z.string()));
const labels = optional(z.record(z.string(), z.string()));
const namespace = through(text, (value, field): Parsed<string | undefined> => {
  return value === undefined || value === '' ? parsed(undefined) : parseNamespace(value, field);
});
/** Ignored: these fields do not affect the objects that Lantern keeps. */
const withoutEffect = optional(z.unknown());

const options = optional(z.strictObject({ labels, annotations: labels, disableNameSuffixHash: flag, immutable: flag }));

const generator = {
  name: objectName,
  namespace,
  behavior: optional(z.enum(['create', 'merge', 'replace'])),
  files: texts,
  literals: texts,
  envs: texts,
  env: text,
  options,
};

const target = optional(
  z.strictObject({
    group: text,
    version: text,
    kind: text,
    name: text,
    namespace: text,
    labelSelector: text,
    annotationSelector: text,
  }),
);

const patches = optional(
  z.array(
    z.strictObject({
      path: text,
      patch: text,
      target,
      options: optional(z.strictObject({ allowNameChange: flag, allowKindChange: flag })),
    }),
  ),
);

const labelling = z.strictObject({
  pairs: labels,
  includeSelectors: flag,
  includeTemplates: flag,
  fields: through(optional(z.unknown()), (value) => {
    return isNothing(value) ? parsed(undefined) : faulty([{ field: '', message: USE_KUSTOMIZE }]);
  }),
});

const kustomization = z.strictObject({
  apiVersion: optional(z.enum(['kustomize.config.k8s.io/v1beta1', 'kustomize.config.k8s.io/v1alpha1'])),
  kind: optional(z.enum(['Kustomization', 'Component'])),
  namespace,
  namePrefix: text,
  nameSuffix: text,
  labels: optional(z.array(labelling)),
  commonLabels: labels,
  commonAnnotations: labels,
  resources: texts,
  bases: texts,
  components: texts,
  secretGenerator: optional(z.array(z.strictObject({ ...generator, type: text }))),
  configMapGenerator: optional(z.array(z.strictObject(generator))),
  generatorOptions: options,
  patches,
  patchesStrategicMerge: texts,
  patchesJson6902: patches,
  metadata: withoutEffect,
  sortOptions: withoutEffect,
  buildMetadata: withoutEffect,
  images: withoutEffect,
  replicas: withoutEffect,
});

/** Paths are relative to the file's directory. */
export type Kustomization = z.output<typeof kustomization>;
export type GeneratorOptions = NonNullable<Kustomization['generatorOptions']>;
/** `type` is for Secrets only. */
export type Generator = NonNullable<Kustomization['configMapGenerator']>[number] & {
  readonly type?: string | undefined;
};
export type GeneratorBehavior = NonNullable<Generator['behavior']>;
export type WrittenPatch = NonNullable<Kustomization['patches']>[number];
export type PatchTarget = NonNullable<WrittenPatch['target']>;

/** Fields that kustomize knows and Lantern does not, as opposed to misspellings. */
const UNSUPPORTED: ReadonlySet<string> = new Set(
  (
    'configurations crds generators helmChartInflationGenerator helmCharts helmGlobals openapi replacements ' +
    'transformers validators vars'
  ).split(' '),
);

/** Parses a kustomization file. Every unsupported field is a fault. */
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
  if (!isFields(document)) return { supported: document, faults: [] };
  const fields = Object.entries(document);
  return {
    supported: Object.fromEntries(fields.filter(([name]) => !UNSUPPORTED.has(name))),
    faults: fields
      .filter(([name, value]) => UNSUPPORTED.has(name) && !isNothing(value))
      .map(([name]) => ({ field: name, message: USE_KUSTOMIZE })),
  };
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** Access to files in and below a directory, links that end there, and any directory. Methods throw LanternErrors. */
export type KustomizeDirectory = AsyncDisposable & {
  /** Absolute and without links, so that each directory has one path. */
  readonly path: string;
  names(): Promise<readonly string[]>;
  /** Reads a regular file of at most `maxBytes`; `invalid-argument` if it lies outside the directory. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  /** Undefined if the path does not lead to a directory. */
  directory(path: string): Promise<KustomizeDirectory | undefined>;
};

import type { ObjectDraft } from './object.ts';
import type { Fields, ManifestDocument } from './parse-manifest.ts';

/** The name an object has now, of the name a reference to it was written with. */
export type Rename = (kind: 'Secret' | 'ConfigMap', name: string) => string;

type Reference = { readonly kind: 'Secret' | 'ConfigMap'; readonly path: readonly string[] };

/** Every item of a list. */
const EACH = '*';

const IN_VOLUME = references({
  Secret: ['secret.secretName', 'projected.sources.*.secret.name'],
  ConfigMap: ['configMap.name', 'projected.sources.*.configMap.name'],
});

const IN_CONTAINER = references({
  Secret: ['envFrom.*.secretRef.name', 'env.*.valueFrom.secretKeyRef.name'],
  ConfigMap: ['envFrom.*.configMapRef.name', 'env.*.valueFrom.configMapKeyRef.name'],
});

const IN_POD: readonly Reference[] = [
  ...below('spec.volumes.*', IN_VOLUME),
  ...['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) => below(`spec.${list}.*`, IN_CONTAINER)),
  ...references({ Secret: ['spec.imagePullSecrets.*.name'], ConfigMap: [] }),
];

/** The document with every reference to a Secret or ConfigMap renamed. What is malformed stays as it is. */
export function renameReferences(document: ManifestDocument, rename: Rename): ManifestDocument {
  if (document.kind === 'object') return { kind: 'object', draft: renameInDraft(document.draft, rename) };
  if (document.objectKind !== 'Pod') return document;
  return { ...document, raw: renameAll(document.raw, IN_POD, rename) as Fields };
}

function renameInDraft(draft: ObjectDraft, rename: Rename): ObjectDraft {
  switch (draft.kind) {
    case 'ServiceAccount': {
      const renamed = (names: readonly string[]) => names.map((name) => rename('Secret', name));
      return { ...draft, secrets: renamed(draft.secrets), imagePullSecrets: renamed(draft.imagePullSecrets) };
    }
    case 'ProjectedVolume':
      return { ...draft, spec: renameAll(draft.spec, IN_VOLUME, rename) };
    default:
      return draft;
  }
}

function renameAll(value: unknown, all: readonly Reference[], rename: Rename): unknown {
  return all.reduce((now, { kind, path }) => changeAt(now, path, (name) => rename(kind, name)), value);
}

/** A copy of `value` with the texts at `path` changed. */
function changeAt(value: unknown, [step, ...rest]: readonly string[], change: (text: string) => string): unknown {
  if (step === undefined) return typeof value === 'string' ? change(value) : value;
  if (step === EACH) return Array.isArray(value) ? value.map((item) => changeAt(item, rest, change)) : value;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return value;
  return { ...value, [step]: changeAt((value as Fields)[step], rest, change) };
}

function references(paths: Readonly<Record<'Secret' | 'ConfigMap', readonly string[]>>): Reference[] {
  return (['Secret', 'ConfigMap'] as const).flatMap((kind) => {
    return paths[kind].map((path) => ({ kind, path: path.split('.') }));
  });
}

function below(prefix: string, inner: readonly Reference[]): Reference[] {
  return inner.map(({ kind, path }) => ({ kind, path: [...prefix.split('.'), ...path] }));
}

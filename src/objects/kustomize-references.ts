import { type Fields, isFields } from '../base/fields.ts';
import { SERVICE_ACCOUNT_ANNOTATION } from './secret-types.ts';

const REFERRED_KINDS = ['Secret', 'ConfigMap', 'ServiceAccount'] as const;
export type ReferredKind = (typeof REFERRED_KINDS)[number];

/** The name an object has now, of the name a reference to it was written with. */
export type Rename = (kind: ReferredKind, name: string) => string;

type Reference = { readonly kind: ReferredKind; readonly path: readonly string[] };

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

const IN_POD_SPEC: readonly Reference[] = [
  ...below('volumes.*', IN_VOLUME),
  ...['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) => below(`${list}.*`, IN_CONTAINER)),
  ...references({
    Secret: ['imagePullSecrets.*.name'],
    ServiceAccount: ['serviceAccountName', 'serviceAccount'],
  }),
];

const IN_TEMPLATE = below('spec.template.spec', IN_POD_SPEC);

/** Where a manifest of each kind names others; the workloads are only printed, but would not find them otherwise. */
const REFERENCES: ReadonlyMap<unknown, readonly Reference[]> = new Map([
  ['Pod', below('spec', IN_POD_SPEC)],
  ...['DaemonSet', 'Deployment', 'Job', 'ReplicaSet', 'ReplicationController', 'StatefulSet'].map(
    (kind) => [kind, IN_TEMPLATE] as const,
  ),
  ['CronJob', below('spec.jobTemplate', IN_TEMPLATE)],
  ['ServiceAccount', references({ Secret: ['secrets.*.name', 'imagePullSecrets.*.name'] })],
  ['ProjectedVolume', below('spec', IN_VOLUME)],
  ['Secret', [{ kind: 'ServiceAccount', path: ['metadata', 'annotations', SERVICE_ACCOUNT_ANNOTATION] }]],
] as const);

/** The manifest with every reference renamed. What is malformed stays as it is. */
export function renameReferences(raw: Fields, rename: Rename): Fields {
  return renameAll(raw, REFERENCES.get(raw.kind) ?? [], rename) as Fields;
}

function renameAll(value: unknown, all: readonly Reference[], rename: Rename): unknown {
  return all.reduce((now, { kind, path }) => changeAt(now, path, (name) => rename(kind, name)), value);
}

/** A copy of `value` with the texts at `path` changed. */
function changeAt(value: unknown, [step, ...rest]: readonly string[], change: (text: string) => string): unknown {
  if (step === undefined) return typeof value === 'string' ? change(value) : value;
  if (step === EACH) return Array.isArray(value) ? value.map((item) => changeAt(item, rest, change)) : value;
  if (!isFields(value) || !Object.hasOwn(value, step)) return value;
  return { ...value, [step]: changeAt(value[step], rest, change) };
}

function references(paths: Partial<Readonly<Record<ReferredKind, readonly string[]>>>): Reference[] {
  return REFERRED_KINDS.flatMap((kind) => (paths[kind] ?? []).map((path) => ({ kind, path: path.split('.') })));
}

function below(prefix: string, inner: readonly Reference[]): Reference[] {
  return inner.map(({ kind, path }) => ({ kind, path: [...prefix.split('.'), ...path] }));
}

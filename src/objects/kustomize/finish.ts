import { type Fields, faulty, isFields, type Parsed, parsed } from '../../base/parsed.ts';
import { type ManifestDocument, parseDocument } from '../manifest/parse-manifest.ts';
import type { ObjectDraft } from '../object.ts';
import { SERVICE_ACCOUNT_ANNOTATION } from '../secret-types.ts';
import { type Identity, identityOf, type Member, metadataOf, renamed, withoutRepeated } from './member.ts';
import { manifestSuffix, nameSuffix, type SuffixRule } from './name-suffix.ts';

export type Finished = { readonly raw: Fields; readonly document: ManifestDocument };

type FinishOptions = { readonly defaultNamespace: string; readonly suffixRule: SuffixRule };

/** kustomize reads such an object for patches and generators but does not print it. */
const LOCAL = 'config.kubernetes.io/local-config';

/** The last steps, which need all objects: hashes in names, then the references to renamed objects. */
export function finishMembers(members: readonly Member[], options: FinishOptions): Parsed<Finished[]> {
  const hashed = members.map((member) => withHash(member, options));
  const { unique, faults: repeated } = withoutRepeated(hashed);
  const names = new Names(unique);
  const faults = [...repeated];
  const finished: Finished[] = [];
  for (const member of unique.filter((member) => !isLocal(member))) {
    // Malformed references stay unchanged.
    const raw = renameAll(member.raw, REFERENCES.get(member.raw.kind) ?? [], (kind, name) => {
      const candidates = names.candidates(member, kind, name);
      if (candidates.length > 1) faults.push({ field: member.place, message: ambiguous(kind, name, candidates) });
      return candidates[0] === undefined ? name : identityOf(candidates[0]).name;
    });
    const document = parseDocument({ raw, where: member.place }, options);
    if (document.ok) finished.push({ raw, document: document.value });
    else faults.push(...document.faults);
  }
  return faults.length > 0 ? faulty(faults) : parsed(finished);
}

function isLocal({ raw }: Member): boolean {
  const { annotations } = metadataOf(raw);
  return isFields(annotations) && Object.hasOwn(annotations, LOCAL) && annotations[LOCAL] !== 'false';
}

function withHash(member: Member, options: FinishOptions): Member {
  if (!member.hasHash) return member;
  const suffix = options.suffixRule === 'kustomize' ? manifestSuffix(member.raw) : legacySuffix(member, options);
  return suffix === undefined ? member : renamed(member, `${identityOf(member).name}-${suffix}`);
}

/** Undefined if the manifest is invalid, which is reported later. */
function legacySuffix({ raw, place }: Member, options: FinishOptions): string | undefined {
  const read = parseDocument({ raw, where: place }, options);
  const draft: ObjectDraft | undefined = read.ok && read.value.kind === 'object' ? read.value.draft : undefined;
  if (draft?.kind !== 'Secret' && draft?.kind !== 'ConfigMap') return undefined;
  return nameSuffix({ ...draft, name: draft.metadata.name });
}

class Names {
  readonly #byEarlier = new Map<string, Set<Member>>();

  constructor(members: readonly Member[]) {
    for (const member of members) {
      const { namespace } = identityOf(member);
      for (const { apiVersion, kind, name } of member.earlier) {
        if (apiVersion !== 'v1') continue;
        const key = keyOf({ kind, namespace, name });
        this.#byEarlier.set(key, (this.#byEarlier.get(key) ?? new Set()).add(member));
      }
    }
  }

  /** The objects that a name may refer to: several only if their prefixes and suffixes match equally well. */
  candidates(referrer: Member, kind: ReferredKind, name: string): readonly Member[] {
    const { namespace } = identityOf(referrer);
    let candidates = [...(this.#byEarlier.get(keyOf({ kind, namespace, name })) ?? [])];
    for (const mayBeEmpty of [true, false]) {
      if (candidates.length > 1)
        candidates = candidates.filter((candidate) => isAlike(candidate, referrer, mayBeEmpty));
    }
    return candidates;
  }
}

function ambiguous(kind: ReferredKind, name: string, candidates: readonly Member[]): string {
  const names = candidates.map((candidate) => `"${identityOf(candidate).name}"`).join(' or ');
  return `the ${kind} "${name}" may mean ${names}; write the one that is meant`;
}

function isAlike(a: Member, b: Member, mayBeEmpty: boolean): boolean {
  return haveSameEnd(a.prefixes, b.prefixes, mayBeEmpty) && haveSameEnd(a.suffixes, b.suffixes, mayBeEmpty);
}

function haveSameEnd(a: readonly string[], b: readonly string[], mayBeEmpty: boolean): boolean {
  const length = Math.min(a.length, b.length);
  if (length === 0) return mayBeEmpty || a.length === b.length;
  return a.slice(-length).every((text, at) => text === b.at(at - length));
}

function keyOf({ kind, namespace, name }: Omit<Identity, 'apiVersion'>): string {
  return JSON.stringify([kind, namespace, name]);
}

const REFERRED_KINDS = ['Secret', 'ConfigMap', 'ServiceAccount'] as const;
type ReferredKind = (typeof REFERRED_KINDS)[number];

/** Maps the name in a reference to the object's current name. */
type Rename = (kind: ReferredKind, name: string) => string;

type Reference = { readonly kind: ReferredKind; readonly path: readonly string[] };

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

/** The references in each kind's manifest. Workloads are only printed, but would otherwise not find renamed objects. */
const REFERENCES: ReadonlyMap<unknown, readonly Reference[]> = new Map([
  ['Pod', below('spec', IN_POD_SPEC)],
  ...['DaemonSet', 'Deployment', 'Job', 'ReplicaSet', 'ReplicationController', 'StatefulSet'].map(
    (kind) => [kind, IN_TEMPLATE] as const,
  ),
  ['CronJob', below('spec.jobTemplate', IN_TEMPLATE)],
  ['ServiceAccount', references({ Secret: ['secrets.*.name', 'imagePullSecrets.*.name'] })],
  ['ProjectedVolume', below('spec', IN_VOLUME)],
  [
    'UnitCredentials',
    references({
      Secret: ['spec.credentials.*.secretKeyRef.name'],
      ConfigMap: ['spec.credentials.*.configMapKeyRef.name'],
    }),
  ],
  ['Secret', [{ kind: 'ServiceAccount', path: ['metadata', 'annotations', SERVICE_ACCOUNT_ANNOTATION] }]],
] as const);

function renameAll(raw: Fields, all: readonly Reference[], rename: Rename): Fields {
  return all.reduce((now, { kind, path }) => changeAt(now, path, (name) => rename(kind, name)) as Fields, raw);
}

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

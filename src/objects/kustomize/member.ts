import type { Fault } from '../../base/errors.ts';
import { type Fields, isFields } from '../../base/parsed.ts';
import { API_VERSIONS, OBJECT_KINDS } from '../object.ts';
import type { Kustomization } from './kustomization.ts';

export type Identity = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
};

/** An object on its way through a kustomization: its current manifest and its earlier names. */
export type Member = {
  readonly raw: Fields;
  /** The object's origin, for messages. */
  readonly place: string;
  /** The namespace if the manifest names none. */
  readonly home: string;
  /** Oldest first. References, patches and generators may use any of them. */
  readonly earlier: readonly Identity[];
  /** In the order in which they were added. */
  readonly prefixes: readonly string[];
  readonly suffixes: readonly string[];
  readonly hasHash: boolean;
};

/** `keep`: a kind that Lantern keeps, or a Pod. `pass`: any other kind, which is only printed. */
type Role = 'keep' | 'pass';

export function newMember(raw: Fields, place: string, home: string, hasHash: boolean): Member {
  return { raw, place, home, earlier: [], prefixes: [], suffixes: [], hasHash };
}

export function identityOf({ raw, home }: Pick<Member, 'raw' | 'home'>): Identity {
  const { name, namespace } = metadataOf(raw);
  return {
    apiVersion: textOf(raw.apiVersion),
    kind: textOf(raw.kind),
    namespace: textOf(namespace) || home,
    name: textOf(name),
  };
}

/** True if this is the member's current name or an earlier one. */
export function hasName(member: Member, wanted: Identity): boolean {
  return [...member.earlier, identityOf(member)].some((identity) => keyOf(identity) === keyOf(wanted));
}

/** For messages: `Deployment "web"`. */
export function describeMember(member: Member): string {
  const { kind, name } = identityOf(member);
  return `${kind} "${name}"`;
}

/** A kind of Lantern's group is kept in every version, so that a wrong one is reported. */
export function roleOf({ apiVersion, kind }: Fields): Role {
  const known = OBJECT_KINDS.find((each) => each === kind);
  if (known !== undefined && API_VERSIONS[known] !== 'v1') return 'keep';
  return apiVersion === 'v1' && (known !== undefined || kind === 'Pod') ? 'keep' : 'pass';
}

export function metadataOf(raw: Fields): Fields {
  return isFields(raw.metadata) ? raw.metadata : {};
}

/** Undefined fields are removed. */
export function withMetadata(member: Member, fields: Fields): Member {
  const all = Object.entries({ ...metadataOf(member.raw), ...fields });
  return {
    ...member,
    raw: { ...member.raw, metadata: Object.fromEntries(all.filter(([, value]) => value !== undefined)) },
  };
}

/** Replaces the contents and remembers the current name. */
export function changed(member: Member, raw: Fields): Member {
  return { ...member, raw, earlier: [...member.earlier, identityOf(member)] };
}

export function renamed(member: Member, name: string): Member {
  return withMetadata(changed(member, member.raw), { name });
}

/** Keeps the first member of each identity; every repeat is a fault. */
export function withoutRepeated(members: readonly Member[]): { readonly unique: Member[]; readonly faults: Fault[] } {
  const seen = new Set<string>();
  const unique: Member[] = [];
  const faults: Fault[] = [];
  for (const member of members) {
    const identity = identityOf(member);
    const { kind, namespace, name } = identity;
    if (seen.has(keyOf(identity)))
      faults.push({ field: `${kind} ${namespace}/${name}`, message: 'is there more than once' });
    else unique.push(member);
    seen.add(keyOf(identity));
  }
  return { unique, faults };
}

function keyOf({ apiVersion, kind, namespace, name }: Identity): string {
  return JSON.stringify([apiVersion, kind, namespace, name]);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

const CLUSTER_SCOPED: ReadonlySet<unknown> = new Set(
  (
    'APIService CSIDriver CSINode CertificateSigningRequest ClusterRole ClusterRoleBinding ClusterTrustBundle ' +
    'CustomResourceDefinition FlowSchema IngressClass MutatingWebhookConfiguration Namespace Node PersistentVolume ' +
    'PriorityClass PriorityLevelConfiguration RuntimeClass StorageClass ValidatingAdmissionPolicy ' +
    'ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment VolumeAttributesClass'
  ).split(' '),
);

/** Kinds whose names have a meaning outside the kustomization. */
const FIXED_NAMES: ReadonlySet<unknown> = new Set(['APIService', 'CustomResourceDefinition', 'Namespace']);

/** Applies a kustomization's metadata changes to all objects, in kustomize's order. */
export function transform(members: readonly Member[], kustomization: Kustomization): Member[] {
  const { namespace, namePrefix = '', nameSuffix = '', labels = [], commonLabels, commonAnnotations } = kustomization;
  const allLabels = Object.assign({}, ...labels.map(({ pairs }) => pairs), commonLabels);
  return members.map((member) => {
    const moved = namespace === undefined ? member : inNamespace(member, namespace);
    const named = namePrefix + nameSuffix === '' ? moved : affixed(moved, namePrefix, nameSuffix);
    return withMap(withMap(named, 'labels', allLabels), 'annotations', commonAnnotations ?? {});
  });
}

function inNamespace(member: Member, namespace: string): Member {
  if (member.raw.kind === 'Namespace') return renamed(member, namespace);
  if (CLUSTER_SCOPED.has(member.raw.kind)) return member;
  return withMetadata(changed(member, member.raw), { namespace });
}

function affixed(member: Member, prefix: string, suffix: string): Member {
  if (FIXED_NAMES.has(member.raw.kind)) return member;
  return {
    ...renamed(member, `${prefix}${identityOf(member).name}${suffix}`),
    prefixes: prefix === '' ? member.prefixes : [...member.prefixes, prefix],
    suffixes: suffix === '' ? member.suffixes : [...member.suffixes, suffix],
  };
}

function withMap(member: Member, field: 'labels' | 'annotations', entries: Readonly<Record<string, string>>): Member {
  if (Object.keys(entries).length === 0) return member;
  const present = metadataOf(member.raw)[field];
  return withMetadata(member, { [field]: { ...(isFields(present) ? present : {}), ...entries } });
}

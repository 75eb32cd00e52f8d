import { isFields } from '../base/fields.ts';
import type { Kustomization } from './kustomization.ts';
import { changed, identityOf, type Member, metadataOf, renamed, withMetadata } from './kustomize-member.ts';

/** Kinds of Kubernetes that are in no namespace. */
const CLUSTER_SCOPED: ReadonlySet<unknown> = new Set(
  (
    'APIService CSIDriver CSINode CertificateSigningRequest ClusterRole ClusterRoleBinding ClusterTrustBundle ' +
    'CustomResourceDefinition FlowSchema IngressClass MutatingWebhookConfiguration Namespace Node PersistentVolume ' +
    'PriorityClass PriorityLevelConfiguration RuntimeClass StorageClass ValidatingAdmissionPolicy ' +
    'ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment VolumeAttributesClass'
  ).split(' '),
);

/** Kinds whose names mean something outside the kustomization. */
const FIXED_NAMES: ReadonlySet<unknown> = new Set(['APIService', 'CustomResourceDefinition', 'Namespace']);

/** What a kustomization does to the metadata of all objects in it, in kustomize's order. */
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

import { closest } from '../base/closest.ts';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { wrongType } from '../base/schema-issues.ts';
import { OBJECT_KINDS, type ObjectDraft, type ObjectKind } from './object.ts';
import { OBJECT_SCHEMAS, type ParsedMetadata } from './object-schema.ts';
import { validateObject } from './validate-object.ts';

export function isObjectKind(kind: unknown): kind is ObjectKind {
  return OBJECT_KINDS.some((known) => known === kind);
}

/**
 * One object as it stands in a manifest (parsed YAML or JSON) → a draft that `validateObject` has nothing against. An
 * object without a namespace gets the default one.
 */
export function parseObject(raw: unknown, defaultNamespace: string): Parsed<ObjectDraft> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return faulty([{ field: '', message: wrongType('a mapping', raw) }]);
  }
  const kind = 'kind' in raw ? raw.kind : undefined;
  if (!isObjectKind(kind)) return faulty([{ field: 'kind', message: unknownKind(kind) }]);
  const draft = draftOf(kind, raw, defaultNamespace);
  if (!draft.ok) return draft;
  const faults = validateObject(draft.value);
  return faults.length > 0 ? faulty(faults) : draft;
}

function unknownKind(kind: unknown): string {
  if (kind === undefined || kind === null) return 'is required';
  const guess = typeof kind === 'string' ? closest(kind, OBJECT_KINDS) : undefined;
  return `must be one of ${OBJECT_KINDS.join(', ')}${guess === undefined ? '' : `; did you mean "${guess}"?`}`;
}

function draftOf(kind: ObjectKind, raw: unknown, defaultNamespace: string): Parsed<ObjectDraft> {
  switch (kind) {
    case 'Secret':
      return mapParsed(parseBy(OBJECT_SCHEMAS.Secret, raw), ({ metadata, type, data, stringData, immutable }) => ({
        kind: 'Secret',
        metadata: metadataOf(metadata, defaultNamespace),
        type: type || 'Opaque',
        data: new Map([...data, ...[...stringData].map(([key, text]) => [key, encode(text)] as const)]),
        immutable: immutable ?? false,
      }));
    case 'ConfigMap':
      return mapParsed(parseBy(OBJECT_SCHEMAS.ConfigMap, raw), ({ metadata, data, binaryData, immutable }) => ({
        kind: 'ConfigMap',
        metadata: metadataOf(metadata, defaultNamespace),
        data,
        binaryData,
        immutable: immutable ?? false,
      }));
    case 'ServiceAccount':
      return mapParsed(parseBy(OBJECT_SCHEMAS.ServiceAccount, raw), (account) => ({
        kind: 'ServiceAccount',
        metadata: metadataOf(account.metadata, defaultNamespace),
        secrets: (account.secrets ?? []).map(({ name }) => name),
        imagePullSecrets: (account.imagePullSecrets ?? []).map(({ name }) => name),
        automountServiceAccountToken: account.automountServiceAccountToken,
      }));
    case 'ProjectedVolume':
      return mapParsed(parseBy(OBJECT_SCHEMAS.ProjectedVolume, raw), ({ metadata, spec }) => ({
        kind: 'ProjectedVolume',
        metadata: metadataOf(metadata, defaultNamespace),
        spec,
      }));
  }
}

function mapParsed<T>(result: Parsed<T>, toDraft: (value: T) => ObjectDraft): Parsed<ObjectDraft> {
  return result.ok ? parsed(toDraft(result.value)) : result;
}

function metadataOf(given: ParsedMetadata, defaultNamespace: string): ObjectDraft['metadata'] {
  const { name, namespace, labels, annotations, resourceVersion } = given;
  const metadata = { name, namespace: namespace ?? defaultNamespace, labels, annotations };
  return resourceVersion ? { ...metadata, resourceVersion } : metadata;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

import { closest } from '../base/closest.ts';
import { faulty, mapKey, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { wrongType } from '../base/schema-issues.ts';
import type { Declared, UnsaidField } from './declared.ts';
import { LAST_APPLIED, OBJECT_KINDS, type ObjectDraft, type ObjectKind } from './object.ts';
import { OBJECT_SCHEMAS, type ParsedMetadata } from './object-schema.ts';
import { validateObject } from './validate-object.ts';

export function isObjectKind(kind: unknown): kind is ObjectKind {
  return OBJECT_KINDS.some((known) => known === kind);
}

/**
 * One object as it stands in a manifest (parsed YAML or JSON) → a draft that `validateObject` has nothing against, and what
 * the manifest says beside it. An object without a namespace gets the default one.
 */
export function parseObject(raw: unknown, defaultNamespace: string): Parsed<Declared> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return faulty([{ field: '', message: wrongType('a mapping', raw) }]);
  }
  const kind = 'kind' in raw ? raw.kind : undefined;
  if (!isObjectKind(kind)) return faulty([{ field: 'kind', message: unknownKind(kind) }]);
  const declared = declaredIn(kind, raw, defaultNamespace);
  if (!declared.ok) return declared;
  const faults = validateObject(declared.value.draft);
  return faults.length > 0 ? faulty(faults) : declared;
}

function unknownKind(kind: unknown): string {
  if (kind === undefined || kind === null) return 'is required';
  const guess = typeof kind === 'string' ? closest(kind, OBJECT_KINDS) : undefined;
  return `must be one of ${OBJECT_KINDS.join(', ')}${guess === undefined ? '' : `; did you mean "${guess}"?`}`;
}

function declaredIn(kind: ObjectKind, raw: unknown, defaultNamespace: string): Parsed<Declared> {
  const nulls: string[] = [];
  const said = <V>(path: string, map: ReadonlyMap<string, V | null>): ReadonlyMap<string, V> =>
    withoutNulls(path, map, nulls);
  const metadata = (given: ParsedMetadata) => metadataOf(given, defaultNamespace, said);
  switch (kind) {
    case 'Secret':
      return mapParsed(parseBy(OBJECT_SCHEMAS.Secret, raw), ({ data, stringData, ...secret }) => {
        const texts = [...said('stringData', stringData)].map(([key, text]) => [key, encode(text)] as const);
        const draft = {
          kind: 'Secret' as const,
          metadata: metadata(secret.metadata),
          type: secret.type || 'Opaque',
          data: new Map([...said('data', data), ...texts]),
          immutable: secret.immutable ?? false,
        };
        return { draft, wording: { nulls, unsaid: unsaidIn({ type: secret.type, immutable: secret.immutable }) } };
      });
    case 'ConfigMap':
      return mapParsed(parseBy(OBJECT_SCHEMAS.ConfigMap, raw), ({ data, binaryData, immutable, ...map }) => {
        const draft = {
          kind: 'ConfigMap' as const,
          metadata: metadata(map.metadata),
          data: said('data', data),
          binaryData: said('binaryData', binaryData),
          immutable: immutable ?? false,
        };
        return { draft, wording: { nulls, unsaid: unsaidIn({ immutable }) } };
      });
    case 'ServiceAccount':
      return mapParsed(parseBy(OBJECT_SCHEMAS.ServiceAccount, raw), (account) => {
        const draft = {
          kind: 'ServiceAccount' as const,
          metadata: metadata(account.metadata),
          secrets: (account.secrets ?? []).map(({ name }) => name),
          imagePullSecrets: (account.imagePullSecrets ?? []).map(({ name }) => name),
          automountServiceAccountToken: account.automountServiceAccountToken,
        };
        return { draft, wording: { nulls, unsaid: unsaidIn({}) } };
      });
    case 'ProjectedVolume':
      return mapParsed(parseBy(OBJECT_SCHEMAS.ProjectedVolume, raw), ({ spec, ...volume }) => {
        const draft = { kind: 'ProjectedVolume' as const, metadata: metadata(volume.metadata), spec };
        return { draft, wording: { nulls, unsaid: unsaidIn({}) } };
      });
  }
}

/** The map without its nulls, whose paths are added to `nulls`. */
function withoutNulls<V>(path: string, map: ReadonlyMap<string, V | null>, nulls: string[]): ReadonlyMap<string, V> {
  const values = new Map<string, V>();
  for (const [key, value] of map) {
    if (value === null) nulls.push(mapKey(path, key));
    else values.set(key, value);
  }
  return values;
}

/** An empty type is none, as it is to Kubernetes. */
function unsaidIn(fields: Readonly<Partial<Record<UnsaidField, unknown>>>): ReadonlySet<UnsaidField> {
  const names = Object.keys(fields) as UnsaidField[];
  return new Set(names.filter((name) => fields[name] === undefined || fields[name] === ''));
}

function mapParsed<T>(result: Parsed<T>, toDeclared: (value: T) => Declared): Parsed<Declared> {
  return result.ok ? parsed(toDeclared(result.value)) : result;
}

function metadataOf(
  given: ParsedMetadata,
  defaultNamespace: string,
  said: (path: string, map: ReadonlyMap<string, string | null>) => ReadonlyMap<string, string>,
): ObjectDraft['metadata'] {
  const { name, namespace, resourceVersion } = given;
  const labels = said('metadata.labels', given.labels);
  const annotations = new Map(said('metadata.annotations', given.annotations));
  annotations.delete(LAST_APPLIED);
  const metadata = { name, namespace: namespace ?? defaultNamespace, labels, annotations };
  return resourceVersion ? { ...metadata, resourceVersion } : metadata;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

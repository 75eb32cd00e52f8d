import type { Fault } from '../../base/errors.ts';
import {
  closest,
  type Fields,
  faulty,
  isFields,
  mapKey,
  type Parsed,
  parseBy,
  parsed,
  wrongType,
} from '../../base/parsed.ts';
import type { Declared, UnsaidField } from '../declared.ts';
import { CORE_KINDS } from '../kubernetes-api.ts';
import { parseObjectName } from '../names.ts';
import { API_VERSIONS, LAST_APPLIED, OBJECT_KINDS, type ObjectDraft, type ObjectKind } from '../object.ts';
import { OBJECT_SCHEMAS, type ParsedMetadata } from '../object-schema.ts';
import { TEXT_LIMITS } from '../text-limits.ts';
import { validateObject } from '../validate-object.ts';
import { type DocumentText, documentsIn } from './documents.ts';
import { parseYamlDocuments } from './yaml.ts';

/** An object that Lantern keeps, or an unchanged one of another Kubernetes kind (a Pod). */
export type ManifestDocument =
  | ({ readonly kind: 'object' } & Declared)
  | { readonly kind: 'other'; readonly apiVersion: string; readonly objectKind: string; readonly raw: Fields };

type ManifestOptions = {
  /** For objects without a namespace. */
  readonly defaultNamespace: string;
};

/**
 * Documents are in order, lists (`kind: List`, `SecretList`, …) are expanded, empty documents are omitted. The field of
 * a fault starts with the document: `document 2 (Secret "db"): data[x]`.
 */
export function parseManifest(text: string, options: ManifestOptions): Parsed<ManifestDocument[]> {
  return inTurn(text, (document, before) => parseManifestDocument(document, before, options));
}

/** The raw documents of a manifest; see `parseManifest`. */
export function readDocuments(text: string): Parsed<DocumentPlace[]> {
  return inTurn(text, readPart);
}

/** The documents of one text; a list has several. `count` is the number of YAML documents. */
type ManifestPart<Document> = {
  readonly count: number;
  readonly documents: readonly Document[];
  readonly faults: readonly Fault[];
};

/** `before` is the sum of the earlier counts. */
function inTurn<Document>(
  text: string,
  read: (text: DocumentText, before: number) => ManifestPart<Document>,
): Parsed<Document[]> {
  const documents: Document[] = [];
  const faults: Fault[] = [];
  let before = 0;
  for (const document of documentsIn(text)) {
    const part = read(document, before);
    before += part.count;
    for (const fault of part.faults) faults.push(fault);
    for (const each of part.documents) documents.push(each);
  }
  return faults.length > 0 ? faulty(faults) : parsed(documents);
}

/** Parses one of `documentsIn` a manifest. */
export function parseManifestDocument(
  text: DocumentText,
  before: number,
  options: ManifestOptions,
): ManifestPart<ManifestDocument> {
  const part = readPart(text, before);
  const documents: ManifestDocument[] = [];
  const faults = [...part.faults];
  for (const place of part.documents) {
    const result = parseDocument(place, options);
    if (result.ok) documents.push(result.value);
    else for (const fault of result.faults) faults.push(fault);
  }
  return { count: part.count, documents, faults };
}

/** A raw document and its place: `document 2`, `document 1, items[3]`. */
type DocumentPlace = { readonly raw: unknown; readonly where: string };

function readPart(text: DocumentText, before: number): ManifestPart<DocumentPlace> {
  const yaml = parseYamlDocuments(text.text, TEXT_LIMITS.document, { firstLine: text.line, exact: true });
  // The real number is unknown; it is one in all but contrived cases.
  if (!yaml.ok) return { count: 1, documents: [], faults: yaml.faults.map((fault) => inDocument(fault, before + 1)) };
  const given = yaml.value.flatMap((raw, index) => {
    return raw === null ? [] : [{ raw, where: `document ${before + index + 1}` }];
  });
  return { count: yaml.value.length, documents: given.flatMap(itemsOf), faults: [] };
}

export function parseDocument(place: DocumentPlace, options: ManifestOptions): Parsed<ManifestDocument> {
  const result = meaningOf(place.raw, options);
  if (result.ok) return result;
  return faulty(result.faults.map((fault) => ({ ...fault, field: fieldIn(place, fault.field) })));
}

/** A syntax fault names its line itself. */
function inDocument(fault: Fault, number: number): Fault {
  return /^line \d|^and \d/.test(fault.message) ? fault : { ...fault, field: `document ${number}` };
}

/** Expands nested lists. Items of a typed list may omit their kind. */
function itemsOf({ raw, where }: DocumentPlace): DocumentPlace[] {
  if (!isFields(raw) || typeof raw.kind !== 'string' || !raw.kind.endsWith('List')) return [{ raw, where }];
  const { apiVersion, kind, items } = raw;
  if (!Array.isArray(items)) return [{ raw, where }];
  const itemKind = String(kind).slice(0, -'List'.length);
  const defaults = itemKind === '' ? {} : { apiVersion, kind: itemKind };
  return items.flatMap((item: unknown, index) => {
    return itemsOf({ raw: isFields(item) ? { ...defaults, ...item } : item, where: `${where}, items[${index}]` });
  });
}

function meaningOf(raw: unknown, { defaultNamespace }: ManifestOptions): Parsed<ManifestDocument> {
  if (!isFields(raw)) return faulty([{ field: '', message: wrongType('a mapping', raw) }]);
  const { apiVersion, kind } = raw;
  if (isOurs(kind, apiVersion)) {
    const declared = parseObject(raw, defaultNamespace);
    return declared.ok ? parsed({ kind: 'object', ...declared.value }) : declared;
  }
  const missing = Object.entries({ apiVersion, kind }).filter(([, value]) => typeof value !== 'string' || value === '');
  if (missing.length > 0) {
    return faulty(
      missing.map(([field, value]) => ({
        field,
        message: value === undefined || value === '' ? 'is required' : wrongType('a string', value),
      })),
    );
  }
  return otherKind(String(apiVersion), String(kind), raw);
}

/** Other groups may have any kind; the kinds of core/v1 and of Lantern's group are known. */
function otherKind(apiVersion: string, kind: string, raw: Fields): Parsed<ManifestDocument> {
  const known = KINDS_BY_VERSION.get(apiVersion);
  const group = groupOf(apiVersion);
  if (known?.includes(kind.replace(/List$/, '')) || (known === undefined && group !== '' && group !== OWN_GROUP)) {
    return parsed({ kind: 'other', apiVersion, objectKind: kind, raw });
  }
  if (known === undefined)
    return faulty([{ field: 'apiVersion', message: `must be ${group === '' ? 'v1' : OWN_VERSION}` }]);
  const guess = closest(kind, known);
  const hint =
    guess === undefined ? '; kinds of other groups have the group in their apiVersion' : `; did you mean "${guess}"?`;
  return faulty([{ field: 'kind', message: `is none that ${apiVersion} has${hint}` }]);
}

const OWN_VERSION = API_VERSIONS.ProjectedVolume;
const OWN_GROUP = groupOf(OWN_VERSION);
const KINDS_BY_VERSION = new Map<string, readonly string[]>([
  [API_VERSIONS.Secret, CORE_KINDS],
  [OWN_VERSION, OBJECT_KINDS.filter((kind) => API_VERSIONS[kind] === OWN_VERSION)],
]);

/** Another group may have a kind of the same name; a wrong version in the right group is a fault. */
function isOurs(kind: unknown, apiVersion: unknown): boolean {
  if (!isObjectKind(kind)) return false;
  return typeof apiVersion !== 'string' || groupOf(apiVersion) === groupOf(API_VERSIONS[kind]);
}

function groupOf(apiVersion: string): string {
  return apiVersion.split('/').slice(0, -1).join('/');
}

function fieldIn({ raw, where }: DocumentPlace, field: string): string {
  const subject = subjectOf(raw);
  const place = subject === undefined ? where : `${where} (${subject})`;
  return field === '' ? place : `${place}: ${field}`;
}

/** `Secret "db"`, but only if kind and name are well-formed. */
function subjectOf(raw: unknown): string | undefined {
  if (!isFields(raw) || typeof raw.kind !== 'string' || !/^[A-Z][A-Za-z]{0,62}$/.test(raw.kind)) return undefined;
  const name = isFields(raw.metadata) ? raw.metadata.name : undefined;
  const isName = typeof name === 'string' && parseObjectName(name, '').ok;
  return isName ? `${raw.kind} "${name}"` : raw.kind;
}

function isObjectKind(kind: unknown): kind is ObjectKind {
  return OBJECT_KINDS.some((known) => known === kind);
}

/** Parses and validates one object of a manifest (parsed YAML or JSON). */
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
    case 'UnitCredentials':
      return mapParsed(parseBy(OBJECT_SCHEMAS.UnitCredentials, raw), ({ spec, ...given }) => {
        const draft = { kind: 'UnitCredentials' as const, metadata: metadata(given.metadata), ...spec };
        return { draft, wording: { nulls, unsaid: unsaidIn({}) } };
      });
  }
}

/** Adds the paths of nulls to `nulls`. */
function withoutNulls<V>(path: string, map: ReadonlyMap<string, V | null>, nulls: string[]): ReadonlyMap<string, V> {
  const values = new Map<string, V>();
  for (const [key, value] of map) {
    if (value === null) nulls.push(mapKey(path, key));
    else values.set(key, value);
  }
  return values;
}

/** An empty type counts as omitted, as in Kubernetes. */
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

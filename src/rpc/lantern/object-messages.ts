import { type Fault, invalid } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import type { Declared, UnsaidField, Wording } from '../../objects/declared.ts';
import { parseSpecText } from '../../objects/manifest/yaml.ts';
import {
  OBJECT_KINDS,
  type ObjectDraft,
  type ObjectKind,
  type StoredObject,
  type UnitCredential,
} from '../../objects/object.ts';
import { TEXT_LIMITS } from '../../objects/text-limits.ts';
import type { ApplyMode } from '../../stores/store.ts';
import type { ApplyRequest, ApplyRequest__Output as ReadApplyRequest } from '../generated/lantern/v1/ApplyRequest.ts';
import type {
  Object__Output as ReadObject,
  Object as WireObject,
  Object__Output as WireObjectRead,
} from '../generated/lantern/v1/Object.ts';
import type { UnitCredential as WireUnitCredential } from '../generated/lantern/v1/UnitCredential.ts';
import type { UnitCredentials__Output as ReadUnitCredentials } from '../generated/lantern/v1/UnitCredentials.ts';

export type Shown = { readonly withData: boolean; readonly withApplied?: boolean };

/** The sizes of values are always present. */
export function objectToWire(
  object: ObjectDraft | StoredObject,
  { withData, withApplied = false }: Shown = { withData: true },
): WireObject {
  const applied = withApplied && 'applied' in object ? object.applied : undefined;
  return {
    metadata: metadataToWire(object.metadata),
    ...bodyToWire(object, withData),
    ...(applied && { applied: { names: [...applied] } }),
  };
}

function bodyToWire(object: ObjectDraft | StoredObject, withData: boolean): WireObject {
  switch (object.kind) {
    case 'Secret': {
      const { type, immutable, data } = object;
      return {
        secret: {
          type,
          immutable,
          sizes: sizesOf(data),
          ...(withData && { data: Object.fromEntries(data) as Record<string, Buffer> }),
        },
      };
    }
    case 'ConfigMap': {
      const { immutable, data, binaryData } = object;
      const values = {
        data: Object.fromEntries(data),
        binaryData: Object.fromEntries(binaryData) as Record<string, Buffer>,
      };
      return { configMap: { immutable, sizes: { ...sizesOf(data), ...sizesOf(binaryData) }, ...(withData && values) } };
    }
    case 'ServiceAccount': {
      const { secrets, imagePullSecrets, automountServiceAccountToken: automount } = object;
      return {
        serviceAccount: {
          secrets: [...secrets],
          imagePullSecrets: [...imagePullSecrets],
          ...(automount !== undefined && { automountServiceAccountToken: automount }),
        },
      };
    }
    case 'ProjectedVolume':
      return { projectedVolume: { specJson: JSON.stringify(object.spec) } };
    case 'UnitCredentials':
      return { unitCredentials: { units: [...object.units], credentials: object.credentials.map(credentialToWire) } };
  }
}

function credentialToWire({ name, source: { kind, ...selector } }: UnitCredential): WireUnitCredential {
  return { name, [kind === 'Secret' ? 'secretKeyRef' : 'configMapKeyRef']: selector };
}

function metadataToWire(metadata: (ObjectDraft | StoredObject)['metadata']): NonNullable<WireObject['metadata']> {
  const { labels, annotations, ...rest } = metadata;
  return { ...rest, labels: Object.fromEntries(labels), annotations: Object.fromEntries(annotations) };
}

function sizesOf(data: ReadonlyMap<string, Uint8Array | string>): Record<string, number> {
  return Object.fromEntries([...data].map(([key, value]) => [key, Buffer.byteLength(value)]));
}

/** The approximate encoded size in bytes, for cutting pages. */
export function sizeOfObject(object: StoredObject, { withData, withApplied = false }: Shown): number {
  const values =
    object.kind === 'Secret' ? [object.data] : object.kind === 'ConfigMap' ? [object.data, object.binaryData] : [];
  const bytes = values.flatMap((map) =>
    [...map].map(([key, value]) => 2 * Buffer.byteLength(key) + 16 + (withData ? Buffer.byteLength(value) : 0)),
  );
  const spec = object.kind === 'ProjectedVolume' ? Buffer.byteLength(JSON.stringify(object.spec)) : 0;
  const credentials = object.kind === 'UnitCredentials' ? object.credentials : [];
  const references = credentials.flatMap(({ name, source }) => [name, source.name, source.key]);
  const units = object.kind === 'UnitCredentials' ? object.units : [];
  const names = withApplied ? (object.applied ?? []) : [];
  const texts = [...object.metadata.labels, ...object.metadata.annotations, ...names, ...units, ...references].flat();
  return (
    512 + spec + [...bytes, ...texts.map((text) => Buffer.byteLength(text) + 8)].reduce((sum, size) => sum + size, 0)
  );
}

type SpecReader = (text: string) => Parsed<unknown>;

/** Checks only the shape. A malformed body becomes an empty one, so that the rest can still be checked. */
export function draftFromWire(
  wire: WireObjectRead,
  readSpec: SpecReader = parseSpecText,
): {
  readonly draft: ObjectDraft;
  readonly faults: readonly Fault[];
} {
  const body = bodyFromWire(wire, readSpec);
  const { name = '', namespace = '', labels = {}, annotations = {}, resourceVersion = '' } = wire.metadata ?? {};
  const draft: ObjectDraft = {
    ...(body.ok ? body.value : NO_BODY),
    metadata: {
      name,
      namespace: namespace === '' ? 'default' : namespace,
      labels: new Map(Object.entries(labels)),
      annotations: new Map(Object.entries(annotations)),
      ...(resourceVersion !== '' && { resourceVersion }),
    },
  };
  return { draft, faults: body.ok ? [] : body.faults };
}

/** For answers. Their specs may exceed the limit for new ones, which was lowered once. */
export function objectFromWire(wire: WireObjectRead): StoredObject {
  const { draft, faults } = draftFromWire(wire, (text) => parseSpecText(text, TEXT_LIMITS.document));
  if (faults.length > 0) throw invalid(faults);
  const { uid = '', resourceVersion = '', creationTimestamp = '' } = wire.metadata ?? {};
  const applied = wire.applied?.names.length ? new Set(wire.applied.names) : undefined;
  return { ...draft, metadata: { ...draft.metadata, uid, resourceVersion, creationTimestamp }, applied };
}

type Body = ObjectDraft extends infer Draft ? (Draft extends ObjectDraft ? Omit<Draft, 'metadata'> : never) : never;

const NO_BODY: Body = {
  kind: 'ServiceAccount',
  secrets: [],
  imagePullSecrets: [],
  automountServiceAccountToken: undefined,
};

function bodyFromWire(
  { secret, configMap, serviceAccount, projectedVolume, unitCredentials }: WireObjectRead,
  readSpec: SpecReader,
): Parsed<Body> {
  if (secret) {
    return parsed({
      kind: 'Secret',
      type: secret.type === '' ? 'Opaque' : secret.type,
      immutable: secret.immutable ?? false,
      data: readByteMap(secret.data),
    });
  }
  if (configMap) {
    const { immutable = false, data, binaryData } = configMap;
    return parsed({
      kind: 'ConfigMap',
      immutable,
      data: new Map(Object.entries(data)),
      binaryData: readByteMap(binaryData),
    });
  }
  if (serviceAccount) {
    const { secrets, imagePullSecrets, automountServiceAccountToken } = serviceAccount;
    return parsed({ kind: 'ServiceAccount', secrets, imagePullSecrets, automountServiceAccountToken });
  }
  if (projectedVolume) {
    const spec = readSpec(projectedVolume.specJson);
    return spec.ok ? parsed({ kind: 'ProjectedVolume', spec: spec.value }) : spec;
  }
  if (unitCredentials) return unitCredentialsFromWire(unitCredentials);
  const kinds = 'secret, config_map, service_account, projected_volume, unit_credentials';
  return faulty([{ field: 'object', message: `must hold one of ${kinds}` }]);
}

function unitCredentialsFromWire({ units, credentials: given }: ReadUnitCredentials): Parsed<Body> {
  const credentials: UnitCredential[] = [];
  const faults: Fault[] = [];
  for (const [index, { name, secretKeyRef, configMapKeyRef }] of given.entries()) {
    const selector = secretKeyRef ?? configMapKeyRef;
    const field = `object.unit_credentials.credentials[${index}]`;
    if (selector) credentials.push({ name, source: { kind: secretKeyRef ? 'Secret' : 'ConfigMap', ...selector } });
    else faults.push({ field, message: 'must hold one of secret_key_ref, config_map_key_ref' });
  }
  return faults.length > 0 ? faulty(faults) : parsed({ kind: 'UnitCredentials', units, credentials });
}

export function parseKind(kind: string, field: string): Parsed<ObjectKind> {
  const known = OBJECT_KINDS.find((candidate) => candidate === kind);
  if (known !== undefined) return parsed(known);
  return faulty([{ field, message: `must be one of ${OBJECT_KINDS.join(', ')}` }]);
}

/** Encoders may omit an empty value, which protobufjs then decodes to an empty list. */
export function readByteMap(wire: Readonly<Record<string, Uint8Array>>): Map<string, Uint8Array> {
  return new Map(
    Object.entries(wire).map(([key, value]) => [key, ArrayBuffer.isView(value) ? value : Buffer.alloc(0)]),
  );
}

const REMOVABLE = /^(?:data|stringData|binaryData|metadata\.labels|metadata\.annotations)\[[^\]]*\]$/;

export function parseApplyMode({ mode, removed }: ReadApplyRequest, object: ReadObject): Parsed<ApplyMode> {
  if (mode === 'MERGE') return parseMerge(removed, object);
  if (removed.length > 0) return faulty([{ field: 'removed', message: NOT_A_MERGE }]);
  if (mode === 'MODE_UNSPECIFIED') return parsed({ kind: 'update' });
  if (mode !== 'REPLACE') return faulty([{ field: 'mode', message: 'must be REPLACE or MERGE, or left out' }]);
  const names = object.applied?.names;
  return parsed({ kind: 'replace', ...(names && { applied: new Set(names) }) });
}

const NOT_A_MERGE = 'needs mode MERGE; to replace an object, leave the key out or give it an empty value';

function parseMerge(removed: readonly string[], object: ReadObject): Parsed<ApplyMode> {
  const at = removed.findIndex((name) => !REMOVABLE.test(name));
  const message =
    'must be a key in brackets behind data, stringData, binaryData, metadata.labels or metadata.annotations';
  if (at >= 0) return faulty([{ field: `removed[${at}]`, message }]);
  return parsed({ kind: 'merge', wording: { nulls: removed, unsaid: unsaidIn(object) } });
}

function unsaidIn({ secret, configMap }: ReadObject): ReadonlySet<UnsaidField> {
  const unsaid = new Set<UnsaidField>();
  if (secret?.type === '') unsaid.add('type');
  if ((secret ?? configMap)?.immutable === undefined) unsaid.add('immutable');
  return unsaid;
}

/** The inverse of `parseApplyMode`. */
export function mergeRequest({ draft, wording }: Declared): ApplyRequest {
  const object = objectToWire(draft);
  if (object.secret) object.secret = withoutUnsaid(object.secret, wording);
  if (object.configMap) object.configMap = withoutUnsaid(object.configMap, wording);
  return { object, mode: 'MERGE', removed: [...wording.nulls] };
}

function withoutUnsaid<M extends object>(message: M, { unsaid }: Wording): M {
  return Object.fromEntries(Object.entries(message).filter(([name]) => !unsaid.has(name as UnsaidField))) as M;
}

import { invalid, LanternError } from '../base/errors.ts';
import { OBJECT_KINDS, type ObjectDraft, type ObjectKind, type StoredObject } from '../objects/object.ts';
import type { Object as WireObject, Object__Output as WireObjectRead } from './generated/lantern/v1/Object.ts';

/** An object on the wire. Values are left out unless asked for; their sizes are always there. */
export function objectToWire(
  object: ObjectDraft | StoredObject,
  { withData }: { readonly withData: boolean } = { withData: true },
): WireObject {
  return { metadata: metadataToWire(object.metadata), ...bodyToWire(object, withData) };
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
  }
}

function metadataToWire(metadata: (ObjectDraft | StoredObject)['metadata']): NonNullable<WireObject['metadata']> {
  const { labels, annotations, ...rest } = metadata;
  return { ...rest, labels: Object.fromEntries(labels), annotations: Object.fromEntries(annotations) };
}

function sizesOf(data: ReadonlyMap<string, Uint8Array | string>): Record<string, number> {
  return Object.fromEntries([...data].map(([key, value]) => [key, Buffer.byteLength(value)]));
}

/** About how many bytes the message takes, for cutting pages. */
export function sizeOfObject(object: StoredObject, withData: boolean): number {
  const values =
    object.kind === 'Secret' ? [object.data] : object.kind === 'ConfigMap' ? [object.data, object.binaryData] : [];
  const bytes = values.flatMap((map) =>
    [...map].map(([key, value]) => 2 * key.length + 16 + (withData ? Buffer.byteLength(value) : 0)),
  );
  const spec = object.kind === 'ProjectedVolume' ? JSON.stringify(object.spec).length : 0;
  const texts = [...object.metadata.labels, ...object.metadata.annotations].flat();
  return 512 + spec + [...bytes, ...texts.map((text) => text.length + 8)].reduce((sum, size) => sum + size, 0);
}

/** A draft as the wire has it, not yet checked by any rule but its shape. */
export function draftFromWire(wire: WireObjectRead | null): ObjectDraft {
  if (wire === null) throw invalid([{ field: 'object', message: 'is required' }]);
  const { metadata } = wire;
  if (metadata === null) throw invalid([{ field: 'object.metadata', message: 'is required' }]);
  return {
    ...bodyFromWire(wire),
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace === '' ? 'default' : metadata.namespace,
      labels: new Map(Object.entries(metadata.labels)),
      annotations: new Map(Object.entries(metadata.annotations)),
      ...(metadata.resourceVersion !== '' && { resourceVersion: metadata.resourceVersion }),
    },
  };
}

/** An object of an answer. */
export function objectFromWire(wire: WireObjectRead): StoredObject {
  const draft = draftFromWire(wire);
  const { uid = '', resourceVersion = '', creationTimestamp = '' } = wire.metadata ?? {};
  return { ...draft, metadata: { ...draft.metadata, uid, resourceVersion, creationTimestamp } };
}

/** Which kind of object a message holds; undefined for none. */
export function kindOfWire(wire: WireObjectRead): ObjectKind | undefined {
  return wire.body === undefined ? undefined : KIND_OF_BODY[wire.body];
}

const KIND_OF_BODY = {
  secret: 'Secret',
  configMap: 'ConfigMap',
  serviceAccount: 'ServiceAccount',
  projectedVolume: 'ProjectedVolume',
} as const;

type Body = ObjectDraft extends infer Draft ? (Draft extends ObjectDraft ? Omit<Draft, 'metadata'> : never) : never;

function bodyFromWire({ secret, configMap, serviceAccount, projectedVolume }: WireObjectRead): Body {
  if (secret) {
    return {
      kind: 'Secret',
      type: secret.type === '' ? 'Opaque' : secret.type,
      immutable: secret.immutable,
      data: new Map(Object.entries(secret.data)),
    };
  }
  if (configMap) {
    const { immutable, data, binaryData } = configMap;
    return {
      kind: 'ConfigMap',
      immutable,
      data: new Map(Object.entries(data)),
      binaryData: new Map(Object.entries(binaryData)),
    };
  }
  if (serviceAccount) {
    const { secrets, imagePullSecrets, automountServiceAccountToken } = serviceAccount;
    return { kind: 'ServiceAccount', secrets, imagePullSecrets, automountServiceAccountToken };
  }
  if (projectedVolume) return { kind: 'ProjectedVolume', spec: parseSpecJson(projectedVolume.specJson) };
  throw invalid([
    { field: 'object', message: 'must hold one of secret, config_map, service_account, projected_volume' },
  ]);
}

function parseSpecJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes its input.
    throw invalid([{ field: 'object.projected_volume.spec_json', message: 'must be JSON text' }]);
  }
}

/** The kind that a request names. */
export function parseKind(kind: string, field: string): ObjectKind {
  const known = OBJECT_KINDS.find((candidate) => candidate === kind);
  if (known !== undefined) return known;
  throw new LanternError('invalid-argument', `${field}: must be one of ${OBJECT_KINDS.join(', ')}`, {
    faults: [{ field, message: `must be one of ${OBJECT_KINDS.join(', ')}` }],
  });
}

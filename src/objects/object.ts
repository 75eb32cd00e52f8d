import { createHash } from 'node:crypto';

export const OBJECT_KINDS = ['Secret', 'ConfigMap', 'ServiceAccount', 'ProjectedVolume', 'UnitCredentials'] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

export const API_VERSIONS = {
  Secret: 'v1',
  ConfigMap: 'v1',
  ServiceAccount: 'v1',
  ProjectedVolume: 'lantern.dev/v1',
  UnitCredentials: 'lantern.dev/v1',
} as const satisfies Record<ObjectKind, string>;

/** kubectl writes the whole manifest, data included, into this annotation, so it is neither kept nor shown. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Unique within a store. */
export type ObjectRef = { readonly kind: ObjectKind; readonly namespace: string; readonly name: string };

export type DraftMeta = {
  readonly name: string;
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
};

/** The Secret with the keys that sign tokens. It is stored like any other and never projected. */
export const SIGNING_KEYS: ObjectRef = {
  kind: 'Secret',
  namespace: 'lantern-system',
  name: 'service-account-signing-keys',
};

export type StoredMeta = DraftMeta & {
  readonly uid: string;
  /** The store's revision at the last change, as decimal text. Comparable only within one store. */
  readonly resourceVersion: string;
  /** RFC 3339 in UTC, whole seconds. */
  readonly creationTimestamp: string;
};

export type SecretBody = {
  readonly kind: 'Secret';
  /** "Opaque" by default. */
  readonly type: string;
  /** Decoded values, with stringData merged in. */
  readonly data: ReadonlyMap<string, Uint8Array>;
  readonly immutable: boolean;
};

export type ConfigMapBody = {
  readonly kind: 'ConfigMap';
  readonly data: ReadonlyMap<string, string>;
  readonly binaryData: ReadonlyMap<string, Uint8Array>;
  readonly immutable: boolean;
};

export type ServiceAccountBody = {
  readonly kind: 'ServiceAccount';
  readonly secrets: readonly string[];
  readonly imagePullSecrets: readonly string[];
  readonly automountServiceAccountToken: boolean | undefined;
};

export type ProjectedVolumeBody = {
  readonly kind: 'ProjectedVolume';
  /** One volume source in Kubernetes' shape, as parsed JSON; `spec` parses it. */
  readonly spec: unknown;
};

/** The credentials of systemd units. */
export type UnitCredentialsBody = {
  readonly kind: 'UnitCredentials';
  /** See `parseUnitPattern`. */
  readonly units: readonly string[];
  readonly credentials: readonly UnitCredential[];
};

export type UnitCredential = {
  /** The name in `LoadCredential=`. */
  readonly name: string;
  readonly source: CredentialSource;
};

/** One value of an object in the namespace of the UnitCredentials. */
export type CredentialSource = {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly name: string;
  readonly key: string;
  /** The credential is empty if the object or the key is missing. */
  readonly optional: boolean;
};

export type ObjectBody = SecretBody | ConfigMapBody | ServiceAccountBody | ProjectedVolumeBody | UnitCredentialsBody;

/** An object from a user. A `resourceVersion` is the version that the stored object must have. */
export type ObjectDraft = ObjectBody & { readonly metadata: DraftMeta & { readonly resourceVersion?: string } };

export type StoredObject = ObjectBody & {
  readonly metadata: StoredMeta;
  /**
   * The record: names (`namesIn`), not values, that the last declarative write set, all of them the object's own. The
   * next manifest removes the recorded names that it lacks. Undefined if empty.
   */
  readonly applied?: ReadonlySet<string> | undefined;
};

export type StoredSecret = Extract<StoredObject, { kind: 'Secret' }>;
export type StoredConfigMap = Extract<StoredObject, { kind: 'ConfigMap' }>;
export type StoredServiceAccount = Extract<StoredObject, { kind: 'ServiceAccount' }>;

/** A key for maps: `Secret/default/db`. No part can contain a slash. */
export function refKey(ref: ObjectRef): string {
  return `${ref.kind}/${ref.namespace}/${ref.name}`;
}

export function parseRefKey(key: string): ObjectRef {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  return { kind: kind as ObjectKind, namespace, name };
}

export function refOf(object: ObjectDraft | StoredObject): ObjectRef {
  return { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
}

/** For messages: `Secret default/db`. */
export function describeRef(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace}/${ref.name}`;
}

/** The object without what the store adds: uid, revision, time and record. */
export function draftOf({ applied: _, ...object }: StoredObject): ObjectDraft {
  const { name, namespace, labels, annotations } = object.metadata;
  return { ...object, metadata: { name, namespace, labels, annotations } };
}

/** Compares values by bytes: a Buffer and a Uint8Array can be equal. */
export function isSameMap(
  a: ReadonlyMap<string, string | Uint8Array>,
  b: ReadonlyMap<string, string | Uint8Array>,
): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (value === other) continue;
    if (!(value instanceof Uint8Array && other instanceof Uint8Array) || Buffer.compare(value, other) !== 0)
      return false;
  }
  return true;
}

/** The account of pods that name none. It exists in every namespace, even if it is not stored. */
export const DEFAULT_ACCOUNT = 'default';

/** For a namespace without a stored one. The uid follows from the namespace, so tokens are equal on all nodes. */
export function defaultAccountOf(namespace: string): StoredServiceAccount {
  return {
    kind: 'ServiceAccount',
    metadata: {
      name: DEFAULT_ACCOUNT,
      namespace,
      labels: new Map(),
      annotations: new Map(),
      uid: uidOf(namespace),
      resourceVersion: '0',
      creationTimestamp: '1970-01-01T00:00:00Z',
    },
    secrets: [],
    imagePullSecrets: [],
    automountServiceAccountToken: undefined,
  };
}

export function isDefaultAccount({ kind, name }: ObjectRef): boolean {
  return kind === 'ServiceAccount' && name === DEFAULT_ACCOUNT;
}

/** A UUID of version 8 (RFC 9562), whose bits are free to choose. */
function uidOf(namespace: string): string {
  const hex = createHash('sha256').update(`lantern default service account\0${namespace}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

import {
  type ConfigMapBody,
  type CredentialSource,
  type DraftMeta,
  type ObjectDraft,
  type ProjectedVolumeBody,
  refKey,
  refOf,
  type SecretBody,
  type ServiceAccountBody,
  type StoredMeta,
  type StoredObject,
  type UnitCredential,
  type UnitCredentialsBody,
} from '../../../src/objects/object.ts';
import type { RenderInputs } from '../../../src/payload/render-payload.ts';
import type { PodFacts } from '../../../src/spec/pod-facts.ts';
import { parseRelativePath, type RelativePath } from '../../../src/spec/relative-path.ts';
import type { FileAttributes, KeyToPath, ObjectSource, SourceSpec, VolumeSpec } from '../../../src/spec/volume-spec.ts';

/** Objects, specs and inputs as tests want them: valid, with defaults, changed only where the test cares. */

type Values = Readonly<Record<string, string | Uint8Array>>;
type SecretDraft = Extract<ObjectDraft, { kind: 'Secret' }>;
type ConfigMapDraft = Extract<ObjectDraft, { kind: 'ConfigMap' }>;

export function metadata(name: string, overrides: Partial<DraftMeta & { resourceVersion: string }> = {}) {
  return { name, namespace: 'default', labels: new Map(), annotations: new Map(), ...overrides };
}

/** Text becomes UTF-8 bytes. */
export function bytesByKey(values: Values): Map<string, Uint8Array> {
  return new Map(Object.entries(values).map(([key, value]) => [key, Buffer.from(value)]));
}

export function secretDraft(
  name: string,
  values: Values = {},
  overrides: Partial<SecretBody> & { metadata?: Partial<DraftMeta & { resourceVersion: string }> } = {},
): SecretDraft {
  const defaults = { kind: 'Secret', type: 'Opaque', data: bytesByKey(values), immutable: false } as const;
  return { ...defaults, ...overrides, metadata: metadata(name, overrides.metadata) };
}

/** Text goes to `data`, bytes to `binaryData`. */
export function configMapDraft(
  name: string,
  values: Values = {},
  overrides: Partial<ConfigMapBody> & { metadata?: Partial<DraftMeta> } = {},
): ConfigMapDraft {
  const data = new Map<string, string>();
  const binaryData = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === 'string') data.set(key, value);
    else binaryData.set(key, value);
  }
  const defaults = { kind: 'ConfigMap', data, binaryData, immutable: false } as const;
  return { ...defaults, ...overrides, metadata: metadata(name, overrides.metadata) };
}

export function serviceAccountDraft(name: string, overrides: Partial<ServiceAccountBody> = {}): ObjectDraft {
  return {
    kind: 'ServiceAccount',
    secrets: [],
    imagePullSecrets: [],
    automountServiceAccountToken: undefined,
    ...overrides,
    metadata: metadata(name),
  };
}

/** `spec` is a volume source in Kubernetes' shape. */
export function projectedVolumeDraft(name: string, spec: ProjectedVolumeBody['spec']): ObjectDraft {
  return { kind: 'ProjectedVolume', spec, metadata: metadata(name) };
}

/** By default the unit gets the key `password` of the Secret `db` as the credential `db`. */
export function unitCredentialsDraft(
  name: string,
  { units = ['app.service'], credentials = [credential('db')] }: Partial<Omit<UnitCredentialsBody, 'kind'>> = {},
  overrides: Partial<DraftMeta> = {},
): ObjectDraft {
  return { kind: 'UnitCredentials', units, credentials, metadata: metadata(name, overrides) };
}

/** Of the key `password` of the Secret `db`, where not said otherwise. */
export function credential(name: string, source: Partial<CredentialSource> = {}): UnitCredential {
  return { name, source: { kind: 'Secret', name: 'db', key: 'password', optional: false, ...source } };
}

/** The draft as a store would keep it. */
export function stored(draft: ObjectDraft, overrides: Partial<StoredMeta> = {}): StoredObject {
  const added = { uid: 'uid-1', resourceVersion: '1', creationTimestamp: '2026-11-23T19:24:08Z' };
  return { ...draft, metadata: { ...draft.metadata, ...added, ...overrides } };
}

export function objectsByKey(...objects: readonly StoredObject[]): Map<string, StoredObject> {
  return new Map(objects.map((object) => [refKey(refOf(object)), object]));
}

export function relativePath(text: string): RelativePath {
  const path = parseRelativePath(text, 'path');
  if (!path.ok) throw new Error(`not a relative path: ${text}`);
  return path.value;
}

const NO_ATTRIBUTES: FileAttributes = { mode: undefined, user: undefined, group: undefined };

/** A key at a path, the key's own name where left out. */
export function item(key: string, path = key, attributes: Partial<FileAttributes> = {}): KeyToPath {
  return { key, path: relativePath(path), ...NO_ATTRIBUTES, ...attributes };
}

/** Every key of a Secret, unless `items` are given. */
export function secretSource(name: string, overrides: Partial<ObjectSource> = {}): ObjectSource {
  return { kind: 'secret', name, items: undefined, optional: false, ...overrides };
}

/** Every key of a ConfigMap, unless `items` are given. */
export function configMapSource(name: string, overrides: Partial<ObjectSource> = {}): ObjectSource {
  return { ...secretSource(name, overrides), kind: 'configMap' };
}

export function volumeSpec(sources: readonly SourceSpec[], overrides: Partial<VolumeSpec> = {}): VolumeSpec {
  return { sources, defaultMode: 0o644, defaultUser: undefined, defaultGroup: undefined, ...overrides };
}

export function podFacts(overrides: Partial<PodFacts> = {}): PodFacts {
  return {
    name: 'web-0',
    uid: '6f0a4ab2-5a5c-4a5e-9d3c-000000000001',
    labels: new Map(),
    annotations: new Map(),
    serviceAccountName: 'default',
    containers: [],
    ...overrides,
  };
}

/** Inputs for one rendering in namespace `default`, with an ample budget. */
export function renderInputs(
  sources: readonly SourceSpec[],
  objects: readonly StoredObject[] = [],
  overrides: Partial<RenderInputs> = {},
): RenderInputs {
  return {
    spec: volumeSpec(sources),
    namespace: 'default',
    objects: objectsByKey(...objects),
    pod: undefined,
    requestData: new Map(),
    tokens: new Map(),
    tokenIssuer: 'daemon',
    allocatable: new Map(),
    mountGroup: undefined,
    budget: { bytes: 10 * 1024 * 1024, entries: 10_000 },
    ...overrides,
  };
}

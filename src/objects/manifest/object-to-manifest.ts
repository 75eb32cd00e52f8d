import { API_VERSIONS, LAST_APPLIED, type ObjectDraft, type StoredObject, type UnitCredential } from '../object.ts';

/** As `kubectl get -o json` prints it: sorted plain JSON. Without `withData`, keys and values are omitted. */
export function objectToManifest(
  object: ObjectDraft | StoredObject,
  { withData }: { readonly withData: boolean },
): Record<string, unknown> {
  const manifest = { apiVersion: API_VERSIONS[object.kind], kind: object.kind, metadata: metadataOf(object.metadata) };
  return sorted({ ...manifest, ...bodyOf(object, withData) });
}

function bodyOf(object: ObjectDraft | StoredObject, withData: boolean): Record<string, unknown> {
  switch (object.kind) {
    case 'Secret':
      return {
        ...(withData && { data: fromMap(object.data, base64) }),
        ...(object.immutable && { immutable: true }),
        type: object.type,
      };
    case 'ConfigMap':
      return {
        ...(withData && { data: fromMap(object.data, String), binaryData: fromMap(object.binaryData, base64) }),
        ...(object.immutable && { immutable: true }),
      };
    case 'ServiceAccount':
      return {
        automountServiceAccountToken: object.automountServiceAccountToken,
        secrets: references(object.secrets),
        imagePullSecrets: references(object.imagePullSecrets),
      };
    case 'ProjectedVolume':
      return { spec: object.spec };
    case 'UnitCredentials':
      return { spec: { units: object.units, credentials: object.credentials.map(credentialOf) } };
  }
}

function metadataOf({
  labels,
  annotations,
  ...rest
}: (ObjectDraft | StoredObject)['metadata']): Record<string, unknown> {
  const shown = new Map([...annotations].filter(([key]) => key !== LAST_APPLIED));
  return sorted({ ...rest, labels: fromMap(labels, String), annotations: fromMap(shown, String) });
}

function credentialOf({ name, source: { kind, optional, ...selector } }: UnitCredential): Record<string, unknown> {
  const reference = { ...selector, ...(optional && { optional }) };
  return { name, [kind === 'Secret' ? 'secretKeyRef' : 'configMapKeyRef']: reference };
}

function references(names: readonly string[]): { name: string }[] | undefined {
  return names.length === 0 ? undefined : names.map((name) => ({ name }));
}

/** Undefined if empty: Kubernetes omits empty maps. */
function fromMap<T>(map: ReadonlyMap<string, T>, show: (value: T) => string): Record<string, unknown> | undefined {
  return map.size === 0 ? undefined : sorted(Object.fromEntries([...map].map(([key, value]) => [key, show(value)])));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function sorted(fields: Record<string, unknown>): Record<string, unknown> {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present.sort(([a], [b]) => (a < b ? -1 : 1)));
}

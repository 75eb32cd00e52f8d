import { isDeepStrictEqual } from 'node:util';
import type { ObjectDraft, StoredObject } from '../objects/object.ts';

/** Whether two objects say the same: body, labels and annotations. Names, revisions and the order of keys do not count. */
export function isSameContents(a: ObjectDraft | StoredObject, b: ObjectDraft | StoredObject): boolean {
  return (
    isSameMap(a.metadata.labels, b.metadata.labels) &&
    isSameMap(a.metadata.annotations, b.metadata.annotations) &&
    isSameBody(a, b)
  );
}

function isSameBody(a: ObjectDraft | StoredObject, b: ObjectDraft | StoredObject): boolean {
  switch (a.kind) {
    case 'Secret':
      return a.kind === b.kind && a.type === b.type && a.immutable === b.immutable && isSameMap(a.data, b.data);
    case 'ConfigMap':
      return (
        a.kind === b.kind &&
        a.immutable === b.immutable &&
        isSameMap(a.data, b.data) &&
        isSameMap(a.binaryData, b.binaryData)
      );
    case 'ServiceAccount':
      return (
        a.kind === b.kind &&
        a.automountServiceAccountToken === b.automountServiceAccountToken &&
        isDeepStrictEqual(a.secrets, b.secrets) &&
        isDeepStrictEqual(a.imagePullSecrets, b.imagePullSecrets)
      );
    case 'ProjectedVolume':
      return a.kind === b.kind && isDeepStrictEqual(a.spec, b.spec);
  }
}

function isSameMap<V extends string | Uint8Array>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !isSameValue(value, other)) return false;
  }
  return true;
}

/** By bytes: a Buffer and a plain Uint8Array may be the same value. */
function isSameValue(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return typeof a === 'string' || typeof b === 'string' ? a === b : Buffer.compare(a, b) === 0;
}

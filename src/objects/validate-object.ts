import type { Fault } from '../base/errors.ts';
import { mapKey, type Parsed } from '../base/parsed.ts';
import {
  parseAnnotationKey,
  parseDataKey,
  parseLabelKey,
  parseLabelValue,
  parseNamespace,
  parseObjectName,
} from './names.ts';
import { type ConfigMapBody, isSameMap, type ObjectDraft, type SecretBody, type StoredObject } from './object.ts';
import { validateSecretType } from './secret-types.ts';
import { TEXT_LIMITS } from './text-limits.ts';
import { validateUnitCredentials } from './unit-credentials.ts';

/** The limit for the sum of an object's values; etcd could hold little more. */
export const MAX_DATA_BYTES = 1_048_576;
/** Sum of keys and values. */
const MAX_ANNOTATION_BYTES = 262_144;

/** Checks all of Kubernetes' rules for a single object. */
export function validateObject(draft: ObjectDraft): Fault[] {
  const faults: Fault[] = [];
  validateMetadata(draft, faults);
  switch (draft.kind) {
    case 'Secret':
      validateKeys('data', draft.data, faults);
      validateSize('data', bytesIn(draft.data), MAX_DATA_BYTES, faults);
      faults.push(...validateSecretType(draft.type, draft.data, draft.metadata.annotations));
      break;
    case 'ConfigMap':
      validateKeys('data', draft.data, faults);
      validateKeys('binaryData', draft.binaryData, faults);
      for (const key of draft.binaryData.keys()) {
        if (draft.data.has(key))
          faults.push({ field: mapKey('binaryData', key), message: 'this key is in data as well' });
      }
      validateSize('data', bytesIn(draft.data) + bytesIn(draft.binaryData), MAX_DATA_BYTES, faults);
      break;
    case 'ServiceAccount':
      validateReferences('secrets', draft.secrets, faults);
      validateReferences('imagePullSecrets', draft.imagePullSecrets, faults);
      break;
    case 'ProjectedVolume':
      validateSize('spec', Buffer.byteLength(JSON.stringify(draft.spec) ?? ''), TEXT_LIMITS.spec.bytes, faults);
      break;
    case 'UnitCredentials':
      faults.push(...validateUnitCredentials(draft));
  }
  return faults;
}

/** A Secret's type is fixed; data is fixed once `immutable` is set. */
export function validateReplacement(current: StoredObject, next: ObjectDraft): Fault[] {
  if (current.kind === 'Secret' && next.kind === 'Secret') {
    const faults: Fault[] = [];
    if (current.type !== next.type) {
      faults.push({
        field: 'type',
        message: `cannot change from "${current.type}"; keep it, or delete the Secret and create it again`,
      });
    }
    if (!current.immutable) return faults;
    return [...faults, ...validateImmutable(current, next, { data: isSameMap(current.data, next.data) })];
  }
  if (current.kind === 'ConfigMap' && next.kind === 'ConfigMap' && current.immutable) {
    return validateImmutable(current, next, {
      data: isSameMap(current.data, next.data),
      binaryData: isSameMap(current.binaryData, next.binaryData),
    });
  }
  return [];
}

function validateImmutable(
  { kind }: StoredObject,
  next: SecretBody | ConfigMapBody,
  isSame: Readonly<Record<string, boolean>>,
): Fault[] {
  const advice = `delete the ${kind} and create it again`;
  const faults: Fault[] = [];
  if (!next.immutable) faults.push({ field: 'immutable', message: `cannot be unset; keep it true, or ${advice}` });
  for (const [field, isKept] of Object.entries(isSame)) {
    if (!isKept) faults.push({ field, message: `cannot change while immutable is set; ${advice}` });
  }
  return faults;
}

function validateMetadata({ metadata: { name, namespace, labels, annotations } }: ObjectDraft, faults: Fault[]): void {
  note(parseObjectName(name, 'metadata.name'), faults);
  note(parseNamespace(namespace, 'metadata.namespace'), faults);
  for (const [key, value] of labels) {
    const field = mapKey('metadata.labels', key);
    note(parseLabelKey(key, field), faults);
    note(parseLabelValue(value, field), faults);
  }
  let bytes = 0;
  for (const [key, value] of annotations) {
    note(parseAnnotationKey(key, mapKey('metadata.annotations', key)), faults);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  validateSize('metadata.annotations', bytes, MAX_ANNOTATION_BYTES, faults);
}

function validateKeys(field: string, values: ReadonlyMap<string, unknown>, faults: Fault[]): void {
  for (const key of values.keys()) note(parseDataKey(key, mapKey(field, key)), faults);
}

function validateReferences(field: string, names: readonly string[], faults: Fault[]): void {
  for (const [index, name] of names.entries()) note(parseObjectName(name, `${field}[${index}].name`), faults);
}

function validateSize(field: string, bytes: number, limit: number, faults: Fault[]): void {
  if (bytes > limit) faults.push({ field, message: `Too long: may not be more than ${limit} bytes` });
}

function bytesIn(values: ReadonlyMap<string, string | Uint8Array>): number {
  let bytes = 0;
  for (const value of values.values()) bytes += Buffer.byteLength(value);
  return bytes;
}

function note(result: Parsed<unknown>, faults: Fault[]): void {
  if (!result.ok) faults.push(...result.faults);
}

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
import type { ConfigMapBody, DraftMeta, ObjectDraft, SecretBody, StoredObject } from './object.ts';
import { validateSecretType } from './secret-types.ts';
import { TEXT_LIMITS } from './text-limits.ts';

/** Sum of an object's values; etcd could hold little more. */
export const MAX_DATA_BYTES = 1_048_576;
/** Sum of keys and values. */
const MAX_ANNOTATION_BYTES = 262_144;

/** Everything that Kubernetes checks about an object on its own, all faults at once. */
export function validateObject(draft: ObjectDraft): Fault[] {
  return [...validateMetadata(draft.metadata), ...validateBody(draft)];
}

/** What the stored object does not let its successor change. */
export function validateReplacement(current: StoredObject, next: ObjectDraft): Fault[] {
  const faults: Fault[] = [];
  if (current.kind === 'Secret' && next.kind === 'Secret') {
    if (current.type !== next.type) {
      faults.push({
        field: 'type',
        message: `cannot change from "${current.type}"; leave it as it is, or delete the Secret and create it anew`,
      });
    }
    if (current.immutable) faults.push(...validateFrozen(current, next, [['data', current.data, next.data]]));
  }
  if (current.kind === 'ConfigMap' && next.kind === 'ConfigMap' && current.immutable) {
    const data = ['data', current.data, next.data] as const;
    const binaryData = ['binaryData', current.binaryData, next.binaryData] as const;
    faults.push(...validateFrozen(current, next, [data, binaryData]));
  }
  return faults;
}

type Values = ReadonlyMap<string, string | Uint8Array>;

function validateFrozen(
  { kind }: StoredObject,
  next: SecretBody | ConfigMapBody,
  frozen: readonly (readonly [field: string, current: Values, next: Values])[],
): Fault[] {
  const advice = `delete the ${kind} and create it anew`;
  const faults = frozen.flatMap(([field, current, after]) =>
    haveSameValues(current, after) ? [] : [{ field, message: `cannot change while immutable is set; ${advice}` }],
  );
  return next.immutable
    ? faults
    : [{ field: 'immutable', message: `cannot be unset; keep it true, or ${advice}` }, ...faults];
}

function haveSameValues(a: Values, b: Values): boolean {
  return (
    a.size === b.size &&
    [...a].every(([key, value]) => {
      const other = b.get(key);
      return other !== undefined && Buffer.from(value).equals(Buffer.from(other));
    })
  );
}

function validateMetadata({ name, namespace, labels, annotations }: DraftMeta): Fault[] {
  const sizes = [...annotations].map(([key, value]) => Buffer.byteLength(key) + Buffer.byteLength(value));
  return [
    ...faultsIn(parseObjectName(name, 'metadata.name')),
    ...faultsIn(parseNamespace(namespace, 'metadata.namespace')),
    ...[...labels].flatMap(([key, value]) => {
      const field = mapKey('metadata.labels', key);
      return [...faultsIn(parseLabelKey(key, field)), ...faultsIn(parseLabelValue(value, field))];
    }),
    ...[...annotations.keys()].flatMap((key) => faultsIn(parseAnnotationKey(key, mapKey('metadata.annotations', key)))),
    ...tooLong('metadata.annotations', sizes, MAX_ANNOTATION_BYTES),
  ];
}

function validateBody(draft: ObjectDraft): Fault[] {
  switch (draft.kind) {
    case 'Secret':
      return [
        ...validateKeys('data', draft.data),
        ...tooLong('data', sizesOf(draft.data), MAX_DATA_BYTES),
        ...validateSecretType(draft.type, draft.data, draft.metadata.annotations),
      ];
    case 'ConfigMap':
      return [
        ...validateKeys('data', draft.data),
        ...validateKeys('binaryData', draft.binaryData),
        ...[...draft.binaryData.keys()]
          .filter((key) => draft.data.has(key))
          .map((key) => ({ field: mapKey('binaryData', key), message: 'this key is in data as well' })),
        ...tooLong('data', [...sizesOf(draft.data), ...sizesOf(draft.binaryData)], MAX_DATA_BYTES),
      ];
    case 'ServiceAccount':
      return [
        ...validateReferences('secrets', draft.secrets),
        ...validateReferences('imagePullSecrets', draft.imagePullSecrets),
      ];
    case 'ProjectedVolume':
      return tooLong('spec', [Buffer.byteLength(JSON.stringify(draft.spec) ?? '')], TEXT_LIMITS.spec.bytes);
  }
}

function validateKeys(field: string, values: Values): Fault[] {
  return [...values.keys()].flatMap((key) => faultsIn(parseDataKey(key, mapKey(field, key))));
}

function validateReferences(field: string, names: readonly string[]): Fault[] {
  return names.flatMap((name, index) => faultsIn(parseObjectName(name, `${field}[${index}].name`)));
}

function sizesOf(values: Values): number[] {
  return [...values.values()].map((value) => Buffer.byteLength(value));
}

function tooLong(field: string, sizes: readonly number[], limit: number): Fault[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return total > limit ? [{ field, message: `Too long: may not be more than ${limit} bytes` }] : [];
}

function faultsIn(result: Parsed<unknown>): readonly Fault[] {
  return result.ok ? [] : result.faults;
}

import * as z from 'zod';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { exactlyOne, flag, mapOf, optional, optionalText as text, textValue, through } from '../base/schemas.ts';
import { parseBase64 } from '../base/text.ts';
import {
  parseAnnotationKey,
  parseDataKey,
  parseLabelKey,
  parseLabelValue,
  parseNamespace,
  parseObjectName,
} from './names.ts';
import { API_VERSIONS, type UnitCredential } from './object.ts';

/** Set by API servers: meaningless in a manifest, but in every output of `kubectl get`. */
const ignored = optional(z.unknown());

export const objectName = through(z.string(), parseObjectName);

/** Nulls are kept: they remove keys when the manifest is merged. */
function nullableMap<T>(parseKey: typeof parseDataKey, parseValue: (text: string, field: string) => Parsed<T>) {
  return mapOf((value, key): Parsed<T | null> => {
    const name = parseKey(key, '');
    if (value !== null) return both(name, textValue(value), parseValue);
    return name.ok ? parsed(null) : name;
  });
}

const texts = nullableMap(parseDataKey, parsed);
const binariesOf = (plainTextIn: string) =>
  nullableMap(parseDataKey, (written, field) => parseBase64(written, field, plainTextIn));

const metadata = z.strictObject({
  name: objectName,
  namespace: through(text, (value, field): Parsed<string | undefined> => {
    return value === undefined || value === '' ? { ok: true, value: undefined } : parseNamespace(value, field);
  }),
  labels: nullableMap(parseLabelKey, parseLabelValue),
  annotations: nullableMap(parseAnnotationKey, parsed),
  resourceVersion: text,
  uid: ignored,
  creationTimestamp: ignored,
  selfLink: ignored,
  generation: ignored,
  managedFields: ignored,
  ownerReferences: ignored,
  generateName: ignored,
  finalizers: ignored,
  deletionTimestamp: ignored,
  deletionGracePeriodSeconds: ignored,
  clusterName: ignored,
});

const reference = { name: objectName };
const references = optional(z.array(z.strictObject(reference)));
/** An account's Secrets are in its own namespace; the other fields come from older clusters and are ignored. */
const secretReferences = optional(
  z.array(
    z.strictObject({
      ...reference,
      apiVersion: ignored,
      kind: ignored,
      namespace: ignored,
      uid: ignored,
      resourceVersion: ignored,
      fieldPath: ignored,
    }),
  ),
);

const keySelector = optional(z.strictObject({ name: z.string(), key: z.string(), optional: flag }));
/** `validateUnitCredentials` checks the names. */
const unitCredential = z
  .strictObject({ name: z.string(), secretKeyRef: keySelector, configMapKeyRef: keySelector })
  .check(exactlyOne(['secretKeyRef', 'configMapKeyRef']))
  .transform(({ name, secretKeyRef, configMapKeyRef }): UnitCredential => {
    const selector = secretKeyRef ?? configMapKeyRef;
    if (selector === undefined) throw new Error('exactlyOne let neither pass');
    const kind = secretKeyRef === undefined ? 'ConfigMap' : 'Secret';
    return { name, source: { kind, name: selector.name, key: selector.key, optional: selector.optional ?? false } };
  });

export const OBJECT_SCHEMAS = {
  Secret: z.strictObject({
    apiVersion: z.literal(API_VERSIONS.Secret),
    kind: z.literal('Secret'),
    metadata,
    type: text,
    data: binariesOf('stringData'),
    stringData: texts,
    immutable: flag,
  }),
  ConfigMap: z.strictObject({
    apiVersion: z.literal(API_VERSIONS.ConfigMap),
    kind: z.literal('ConfigMap'),
    metadata,
    data: texts,
    binaryData: binariesOf('data'),
    immutable: flag,
  }),
  ServiceAccount: z.strictObject({
    apiVersion: z.literal(API_VERSIONS.ServiceAccount),
    kind: z.literal('ServiceAccount'),
    metadata,
    secrets: secretReferences,
    imagePullSecrets: references,
    automountServiceAccountToken: flag,
  }),
  ProjectedVolume: z.strictObject({
    apiVersion: z.literal(API_VERSIONS.ProjectedVolume),
    kind: z.literal('ProjectedVolume'),
    metadata,
    spec: through(z.record(z.string(), z.unknown()), withDoubles),
  }),
  UnitCredentials: z.strictObject({
    apiVersion: z.literal(API_VERSIONS.UnitCredentials),
    kind: z.literal('UnitCredentials'),
    metadata,
    spec: z.strictObject({ units: z.array(z.string()), credentials: z.array(unitCredential) }),
  }),
} as const;

export type ParsedMetadata = z.output<typeof metadata>;

/** A volume's spec is kept as JSON, and no valid field in it needs a bigint. */
function withDoubles(spec: Record<string, unknown>): Parsed<Record<string, unknown>> {
  return holdsBigInt(spec)
    ? faulty([{ field: '', message: 'has a number with more digits than any field takes' }])
    : parsed(spec);
}

function holdsBigInt(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint';
  return Object.values(value).some(holdsBigInt);
}

/** The value if both parts are valid, otherwise the faults of both. `then` parses the value further. */
function both(key: Parsed<string>, value: Parsed<string>): Parsed<string>;
function both<T>(
  key: Parsed<string>,
  value: Parsed<string>,
  then: (text: string, field: string) => Parsed<T>,
): Parsed<T>;
function both(
  key: Parsed<string>,
  value: Parsed<string>,
  then: (text: string, field: string) => Parsed<unknown> = (same) => ({ ok: true, value: same }),
): Parsed<unknown> {
  const result = value.ok ? then(value.value, '') : value;
  const faults = [key, result].flatMap((part) => (part.ok ? [] : part.faults));
  return faults.length > 0 ? faulty(faults) : result;
}

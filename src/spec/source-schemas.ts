import * as z from 'zod';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { exactlyOne, flag, optional, optionalText, text, through } from '../base/schemas.ts';
import { objectName } from '../objects/object-schema.ts';
import { parseQuantity, ratioText } from './quantity.ts';
import { parseRelativePath } from './relative-path.ts';
import {
  DEFAULT_MODE,
  type DownwardItem,
  type KeyToPath,
  parseFieldPath,
  type SourceSpec,
  type VolumeSpec,
} from './volume-spec.ts';

// Schemas of a volume source, smallest part first. Every field of a result is present, even if undefined, so that equal
// specs are deeply equal.

const MAX_MODE = 0o777;
/** Kubernetes' limit for user and group ids. */
export const MAX_ID = 2 ** 31 - 1;

const path = through(z.string(), parseRelativePath);

const mode = wholeNumber(MAX_MODE, 'must be a number between 0 and 0777 (octal), both inclusive', modeHint);
const id = wholeNumber(MAX_ID, `must be a number between 0 and ${MAX_ID}, both inclusive`);

function wholeNumber(max: number, rule: string, hint: (value: unknown) => string = () => '') {
  return through(z.optional(z.unknown()), (value, field): Parsed<number | undefined> => {
    if (value === undefined || value === null) return parsed(undefined);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return parsed(value);
    return faulty([{ field, message: `${rule}${hint(value)}` }]);
  });
}

/** Hints at the common mistakes: octal modes written as text or as a decimal number. */
function modeHint(value: unknown): string {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  const digits = /^0?o?([0-7]{3})$/.exec(text)?.[1];
  if (digits === undefined) return '';
  const decimal = Number.parseInt(digits, 8);
  return typeof value === 'string'
    ? `; write 0${digits} without quotes in YAML, or ${decimal} in JSON`
    : `; if octal ${digits} is meant, write 0${digits} in YAML, or ${decimal} in JSON`;
}

const fileAttributes = { mode, user: id, group: id };

const volumeDefaults = { defaultMode: mode, defaultUser: id, defaultGroup: id };

const keyToPath = z
  .strictObject({ key: z.string().min(1, 'must not be empty'), path, ...fileAttributes })
  .transform(({ key, path, mode, user, group }): KeyToPath => ({ key, path, mode, user, group }));

const items = optional(z.array(keyToPath));
const object = { items, optional: flag };

const RESOURCE = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.*)$/;

/** Empty counts as absent, as in Kubernetes. */
export const fieldApiVersion = optional(z.enum(['v1', '']));

const fieldRef = z.strictObject({ apiVersion: fieldApiVersion, fieldPath: through(z.string(), parseFieldPath) });

const containerName = z.string().min(1, 'must not be empty: a volume belongs to no container');
const resourceFieldRef = resourceFieldRefWith(containerName);

/** `containerName` is the schema of the container's name. */
export function resourceFieldRefWith<S extends z.ZodType>(containerName: S) {
  return z
    .strictObject({
      containerName,
      resource: through(z.string(), parseResource),
      divisor: through(z.optional(z.unknown()), parseDivisor),
    })
    .check((context) => {
      const { resource, divisor } = context.value as { readonly resource: string; readonly divisor: string };
      const message = problemWithDivisor(resource, divisor);
      if (message !== undefined) context.issues.push({ code: 'custom', message, path: ['divisor'], input: undefined });
    });
}

const downwardItem = z
  .strictObject({
    path,
    fieldRef: optional(fieldRef),
    resourceFieldRef: optional(resourceFieldRef),
    ...fileAttributes,
  })
  .check(exactlyOne(['fieldRef', 'resourceFieldRef']))
  .transform(({ path, mode, user, group, fieldRef, resourceFieldRef }): DownwardItem => {
    const file = { path, mode, user, group };
    if (fieldRef !== undefined) return { ...file, value: { kind: 'field', field: fieldRef.fieldPath } };
    if (resourceFieldRef !== undefined) return { ...file, value: { kind: 'resource', ...resourceFieldRef } };
    throw new Error('exactlyOne let neither pass');
  });

const downward = { items: optional(z.array(downwardItem)) };

/** Kubernetes' validation accepts only these divisors, in any spelling (1000m is 1). */
function problemWithDivisor(resource: string, divisor: string): string | undefined {
  const isCpu = resource.endsWith('.cpu');
  const known = isCpu ? CPU_DIVISORS : BYTE_DIVISORS;
  if (known.has(canonical(divisor))) return undefined;
  return isCpu ? 'must be 1 or 1m' : 'must be 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi or 1Ei';
}

const CPU_DIVISORS = divisors(['1', '1m']);
const BYTE_DIVISORS = divisors(['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']);

function divisors(texts: readonly string[]): ReadonlySet<string> {
  return new Set(texts.map(canonical));
}

/** Equal for quantities that Kubernetes prints alike: same amount and notation, or an unusual spelling kept as text. */
function canonical(text: string): string {
  const quantity = parseQuantity(text, '');
  if (!quantity.ok || /^(\+|0\d)|\.(?!\d)/.test(text)) return text;
  const family = /[eE][-+]?\d/.test(text) ? 'exponent' : text.endsWith('i') ? 'binary' : 'decimal';
  return `${ratioText(quantity.value)} ${family}`;
}

/** `limits.cpu`, `requests.memory`, … */
function parseResource(text: string, field: string): Parsed<string> {
  if (RESOURCE.test(text)) return parsed(text);
  const message = 'must be limits.R or requests.R, where R is cpu, memory, ephemeral-storage or hugepages-SIZE';
  return faulty([{ field, message }]);
}

/** Absent, empty and zero mean 1, as for the kubelet. */
function parseDivisor(value: unknown, field: string): Parsed<string> {
  if (value === undefined || value === null || value === '') return parsed('1');
  if (typeof value !== 'string' && typeof value !== 'number') {
    return faulty([{ field, message: 'must be a quantity, such as 1, 1m or 1Mi' }]);
  }
  const text = String(value).trim();
  const quantity = parseQuantity(text, field);
  if (!quantity.ok) return quantity;
  return parsed(quantity.value.numerator === 0n ? '1' : text);
}

export const MIN_EXPIRATION = 600;
export const MAX_EXPIRATION = 2 ** 32;
export const DEFAULT_EXPIRATION = 3600;

const expirationRule = `must be between ${MIN_EXPIRATION} (10 minutes) and ${MAX_EXPIRATION}`;
const token = z.strictObject({
  audience: text,
  expirationSeconds: optional(z.int().min(MIN_EXPIRATION, expirationRule).max(MAX_EXPIRATION, expirationRule)),
  path,
  user: fileAttributes.user,
});

const PROJECTIONS = [
  'secret',
  'configMap',
  'downwardAPI',
  'serviceAccountToken',
  'request',
  'clusterTrustBundle',
  'podCertificate',
];

const projection = z
  .strictObject({
    secret: optional(z.strictObject({ name: objectName, ...object })),
    configMap: optional(z.strictObject({ name: objectName, ...object })),
    downwardAPI: optional(z.strictObject(downward)),
    serviceAccountToken: optional(token),
    request: optional(z.strictObject({ items })),
    clusterTrustBundle: optional(z.null('is not supported; put the certificates into a ConfigMap and project that')),
    podCertificate: optional(z.null('is not supported; put key and certificate into a Secret and project that')),
  })
  .check(exactlyOne(PROJECTIONS))
  .transform(sourceOf);

/** The five shapes of a volume. `name`, from a pod's volumes[], is ignored. */
export const volumeSource = z
  .strictObject({
    name: optionalText,
    secret: optional(z.strictObject({ secretName: objectName, ...object, ...volumeDefaults })),
    configMap: optional(z.strictObject({ name: objectName, ...object, ...volumeDefaults })),
    downwardAPI: optional(z.strictObject({ ...downward, ...volumeDefaults })),
    projected: optional(z.strictObject({ sources: optional(z.array(projection)), ...volumeDefaults })),
    request: optional(z.strictObject({ items, ...volumeDefaults })),
  })
  .check(exactlyOne(['secret', 'configMap', 'downwardAPI', 'projected', 'request']))
  .transform(({ secret, configMap, downwardAPI, projected, request }): VolumeSpec => {
    const defaults = secret ?? configMap ?? downwardAPI ?? projected ?? request;
    const named = secret && { ...secret, name: secret.secretName };
    return {
      sources: projected ? (projected.sources ?? []) : [sourceOf({ secret: named, configMap, downwardAPI, request })],
      defaultMode: defaults?.defaultMode ?? DEFAULT_MODE,
      defaultUser: defaults?.defaultUser,
      defaultGroup: defaults?.defaultGroup,
    };
  });

type Items<T> = { readonly items: readonly T[] | undefined };
type Named = Items<KeyToPath> & { readonly name: string; readonly optional: boolean | undefined };
type Sources = {
  readonly secret?: Named | undefined;
  readonly configMap?: Named | undefined;
  readonly downwardAPI?: Items<DownwardItem> | undefined;
  readonly serviceAccountToken?: z.output<typeof token> | undefined;
  readonly request?: Items<KeyToPath> | undefined;
};

/** As in Kubernetes, no items and an empty list both mean every key. */
function sourceOf({ secret, configMap, downwardAPI, serviceAccountToken, request }: Sources): SourceSpec {
  const object = secret ?? configMap;
  if (object !== undefined) {
    const { name, items, optional = false } = object;
    const kind = secret === undefined ? 'configMap' : 'secret';
    return { kind, name, items: items?.length ? items : undefined, optional };
  }
  if (downwardAPI !== undefined) return { kind: 'downwardAPI', items: downwardAPI.items ?? [] };
  if (serviceAccountToken !== undefined) {
    const { audience, expirationSeconds = DEFAULT_EXPIRATION, path, user } = serviceAccountToken;
    return { kind: 'serviceAccountToken', audience, expirationSeconds, path, user };
  }
  return { kind: 'request', items: request?.items?.length ? request.items : undefined };
}

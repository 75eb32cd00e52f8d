import { z } from 'zod';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { exactlyOne, optional, through } from '../base/schemas.ts';
import { objectName as name } from '../objects/object-schema.ts';
import { parseQuantity, ratioText } from './quantity.ts';
import { parseRelativePath } from './relative-path.ts';
import {
  type DownwardItem,
  type DownwardSource,
  type DownwardValue,
  type FileAttributes,
  type KeyToPath,
  type ObjectSource,
  parseFieldPath,
  type RequestSource,
  type SourceSpec,
  type TokenSource,
} from './volume-spec.ts';

const MAX_MODE = 0o777;
/** The kubelet's limit for a runAsUser; the kernel keeps 2^32-1 for "no one". */
const MAX_ID = 2 ** 31 - 1;

const path = through(z.string(), parseRelativePath);

/** Permission bits. */
const mode = wholeNumber(MAX_MODE, 'must be a number between 0 and 0777 (octal), both inclusive', modeHint);
/** A numeric owner or group. */
const id = wholeNumber(MAX_ID, `must be a number between 0 and ${MAX_ID}, both inclusive`);

function wholeNumber(most: number, rule: string, hint: (value: unknown) => string = () => '') {
  return through(z.optional(z.unknown()), (value, field): Parsed<number | undefined> => {
    if (value === undefined || value === null) return parsed(undefined);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return parsed(value);
    return faulty([{ field, message: `${rule}${hint(value)}` }]);
  });
}

/** For octal written as text or as decimal, the mistakes that people make with modes. */
function modeHint(value: unknown): string {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  const digits = /^0?o?([0-7]{3})$/.exec(text)?.[1];
  if (digits === undefined) return '';
  const decimal = Number.parseInt(digits, 8);
  return typeof value === 'string'
    ? `; write 0${digits} without quotes in YAML, or ${decimal} in JSON`
    : `; if octal ${digits} is meant, write 0${digits} in YAML, or ${decimal} in JSON`;
}

/** Fields that every item has. */
const fileAttributes = { mode, user: id, group: id };

/** Fields that every volume source has. */
const volumeDefaults = { defaultMode: mode, defaultUser: id, defaultGroup: id };

const keyToPath = z
  .strictObject({ key: z.string().min(1, 'must not be empty'), path, ...fileAttributes })
  .transform(({ key, ...file }): KeyToPath => ({ key, ...fileOf(file) }));

/** Every field there, if only as undefined, so that equal specs are equal to any comparison. */
function fileOf({ path, mode, user, group }: OptionalFields<Omit<KeyToPath, 'key'>>): Omit<KeyToPath, 'key'> {
  return { path, mode, user, group };
}

type OptionalFields<T extends FileAttributes> = Omit<T, keyof FileAttributes> & Partial<FileAttributes>;

/** No items and an empty list are the same, as they are to Kubernetes: every key. */
const keysToPaths = optional(z.array(keyToPath)).transform((items) => (items?.length ? items : undefined));

const RESOURCE = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.*)$/;

/** Of what a fieldRef names fields of. Empty is the same as left out, as it is to Kubernetes. */
export const fieldApiVersion = optional(z.enum(['v1', '']));

const fieldRef = z.strictObject({ apiVersion: fieldApiVersion, fieldPath: through(z.string(), parseFieldPath) });

const containerName = z.string().min(1, 'must not be empty: a volume belongs to no container');
const resourceFieldRef = resourceFieldRefWith(containerName);

/** A reference to what a container asks for; `containerName` says what may stand for the container. */
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

const item = z
  .strictObject({
    path,
    fieldRef: optional(fieldRef),
    resourceFieldRef: optional(resourceFieldRef),
    ...fileAttributes,
  })
  .check(exactlyOne(['fieldRef', 'resourceFieldRef']))
  .transform(
    ({ fieldRef, resourceFieldRef, ...file }): DownwardItem => ({
      ...fileOf(file),
      value: toValue(fieldRef, resourceFieldRef),
    }),
  );

const downwardItems = optional(z.array(item)).transform((items) => items ?? []);

function toValue(
  field: z.output<typeof fieldRef> | undefined,
  resource: z.output<typeof resourceFieldRef> | undefined,
): DownwardValue {
  if (field !== undefined) return { kind: 'field', field: field.fieldPath };
  if (resource !== undefined) return { kind: 'resource', ...resource };
  throw new Error('exactlyOne let neither pass');
}

/** Kubernetes' validation takes these alone, in any spelling of theirs (1000m is 1). */
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

/** Equal for what Kubernetes prints alike: the amount, and how it was written: a sign stays, as do a zero
 * before it, a point without digits, exponents and powers of two. */
function canonical(text: string): string {
  const quantity = parseQuantity(text, '');
  if (!quantity.ok || /^(\+|0\d)|\.(?!\d)/.test(text)) return text;
  const family = /[eE][-+]?\d/.test(text) ? 'exponent' : text.endsWith('i') ? 'binary' : 'decimal';
  return `${ratioText(quantity.value)} ${family}`;
}

/** `limits.cpu`, `requests.memory`, …: what can be shown of a container's resources. */
function parseResource(text: string, field: string): Parsed<string> {
  if (RESOURCE.test(text)) return parsed(text);
  const message = 'must be limits.R or requests.R, where R is cpu, memory, ephemeral-storage or hugepages-SIZE';
  return faulty([{ field, message }]);
}

/** Absent, empty and zero all mean 1, as they do to the kubelet. */
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

const isOptional = optional(z.boolean()).transform((value) => value ?? false);

const object = { items: keysToPaths, optional: isOptional };

const expirationRule = `must be between ${MIN_EXPIRATION} (10 minutes) and ${MAX_EXPIRATION}`;
const token = z
  .strictObject({
    audience: optional(z.string()).transform((value) => value ?? ''),
    expirationSeconds: optional(
      z.int().min(MIN_EXPIRATION, expirationRule).max(MAX_EXPIRATION, expirationRule),
    ).transform((value) => value ?? DEFAULT_EXPIRATION),
    path,
    user: fileAttributes.user,
  })
  // There in any case: equal specs are equal to any comparison.
  .transform(({ user, ...rest }) => ({ ...rest, user }));

const SOURCES = [
  'secret',
  'configMap',
  'downwardAPI',
  'serviceAccountToken',
  'request',
  'clusterTrustBundle',
  'podCertificate',
];

/** One entry of projected.sources. */
const projection = z
  .strictObject({
    secret: optional(z.strictObject({ name, ...object })),
    configMap: optional(z.strictObject({ name, ...object })),
    downwardAPI: optional(z.strictObject({ items: downwardItems })),
    serviceAccountToken: optional(token),
    request: optional(z.strictObject({ items: keysToPaths })),
    clusterTrustBundle: optional(z.null('is not supported; put the certificates into a ConfigMap and project that')),
    podCertificate: optional(z.null('is not supported; put key and certificate into a Secret and project that')),
  })
  .check(exactlyOne(SOURCES))
  .transform((entry) => sourcesOf(entry));

/** The five shapes of a volume; `name` stands beside them in a pod's volumes[] and says nothing here. */
export const volumeSource = z
  .strictObject({
    name: optional(z.string()),
    secret: optional(
      z
        .strictObject({ secretName: name, ...object, ...volumeDefaults })
        .transform(({ secretName, ...rest }) => ({ ...rest, name: secretName })),
    ),
    configMap: optional(z.strictObject({ name, ...object, ...volumeDefaults })),
    downwardAPI: optional(z.strictObject({ items: downwardItems, ...volumeDefaults })),
    projected: optional(z.strictObject({ sources: optional(z.array(projection)), ...volumeDefaults })),
    request: optional(z.strictObject({ items: keysToPaths, ...volumeDefaults })),
  })
  .check(exactlyOne(['secret', 'configMap', 'downwardAPI', 'projected', 'request']));

export type ParsedVolumeSource = z.output<typeof volumeSource>;

type Fields<S extends SourceSpec> = Omit<S, 'kind'> | undefined;
type Sources = {
  readonly secret?: Fields<ObjectSource>;
  readonly configMap?: Fields<ObjectSource>;
  readonly downwardAPI?: Fields<DownwardSource>;
  readonly serviceAccountToken?: Fields<TokenSource>;
  readonly request?: Fields<RequestSource>;
};

/** The source that is there, with its kind. Anything else beside its fields (a volume's defaults) is left behind. */
export function sourcesOf({ secret, configMap, downwardAPI, serviceAccountToken, request }: Sources): SourceSpec[] {
  const sources: SourceSpec[] = [];
  if (secret) sources.push({ kind: 'secret', name: secret.name, items: secret.items, optional: secret.optional });
  if (configMap)
    sources.push({ kind: 'configMap', name: configMap.name, items: configMap.items, optional: configMap.optional });
  if (downwardAPI) sources.push({ kind: 'downwardAPI', items: downwardAPI.items });
  if (serviceAccountToken) sources.push({ kind: 'serviceAccountToken', ...serviceAccountToken });
  if (request) sources.push({ kind: 'request', items: request.items });
  return sources;
}

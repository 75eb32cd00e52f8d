import { z } from 'zod';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { exactlyOne, optional, through } from '../base/schemas.ts';
import { parseFieldPath } from './field-path.ts';
import { fileAttributes, fileOf, path } from './file-schemas.ts';
import { parseQuantity, ratioText } from './quantity.ts';
import type { DownwardItem, DownwardValue } from './volume-spec.ts';

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

export const downwardItems = optional(z.array(item)).transform((items) => items ?? []);

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

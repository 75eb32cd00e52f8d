import { z } from 'zod';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { exactlyOne, optional, through } from '../base/schemas.ts';
import { parseFieldPath } from './field-path.ts';
import { fileAttributes, fileOf, path } from './file-schemas.ts';
import { parseQuantity } from './quantity.ts';
import type { DownwardItem, DownwardValue } from './volume-spec.ts';

const RESOURCE = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/;

const fieldRef = z.strictObject({ apiVersion: optional(z.string()), fieldPath: through(z.string(), parseFieldPath) });

const resourceFieldRef = z.strictObject({
  containerName: z.string().min(1, 'must not be empty: a volume belongs to no container'),
  resource: through(z.string(), parseResource),
  divisor: through(z.optional(z.unknown()), parseDivisor),
});

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

/** `limits.cpu`, `requests.memory`, …: what can be shown of a container's resources. */
export function parseResource(text: string, field: string): Parsed<string> {
  if (RESOURCE.test(text)) return parsed(text);
  const message = 'must be limits.R or requests.R, where R is cpu, memory, ephemeral-storage or hugepages-SIZE';
  return faulty([{ field, message }]);
}

/** Absent, empty and zero all mean 1, as they do to the kubelet. */
export function parseDivisor(value: unknown, field: string): Parsed<string> {
  if (value === undefined || value === null || value === '') return parsed('1');
  if (typeof value !== 'string' && typeof value !== 'number') {
    return faulty([{ field, message: 'must be a quantity, such as 1, 1m or 1Mi' }]);
  }
  const quantity = parseQuantity(String(value), field);
  if (!quantity.ok) return quantity;
  const { numerator } = quantity.value;
  if (numerator < 0n) return faulty([{ field, message: 'must not be negative' }]);
  return parsed(numerator === 0n ? '1' : String(value));
}

import * as z from 'zod';
import type { Fault } from './errors.ts';
import { faulty, type Parsed, parsed, wrongType } from './parsed.ts';

/** Null counts as absent, as in Kubernetes. */
export function optional<S extends z.ZodType>(schema: S) {
  return schema.nullish().transform((value) => value ?? undefined);
}

export const optionalText = optional(z.string());
/** Empty if absent. */
export const text = optionalText.transform((value) => value ?? '');
export const flag = optional(z.boolean());

/** Applies one of our parsers after a schema. The parser gets '' as its field: zod knows the path. */
export function through<S extends z.ZodType, T>(schema: S, parse: (value: z.output<S>, field: string) => Parsed<T>) {
  return schema.transform((value, context): T => {
    const result = parse(value, '');
    if (result.ok) return result.value;
    report(result.faults, context, []);
    return z.NEVER;
  });
}

/** A mapping with arbitrary keys; null is the empty mapping. Unlike zod's record it keeps the valid key `__proto__`. */
export function mapOf<T>(parseValue: (value: unknown, key: string) => Parsed<T>) {
  return z.optional(z.unknown()).transform((input, context): ReadonlyMap<string, T> => {
    const entries = new Map<string, T>();
    if (input === undefined || input === null) return entries;
    if (typeof input !== 'object' || Array.isArray(input)) {
      report([{ field: '', message: wrongType('a mapping', input) }], context, []);
      return z.NEVER;
    }
    for (const [key, value] of Object.entries(input)) {
      const result = parseValue(value, key);
      if (result.ok) entries.set(key, result.value);
      else report(result.faults, context, [Symbol(key)]);
    }
    return entries;
  });
}

/** Null, the YAML value of `key:`, is empty text. */
export function textValue(value: unknown): Parsed<string> {
  if (typeof value === 'string') return parsed(value);
  if (value === null) return parsed('');
  return faulty([{ field: '', message: wrongType('a string', value) }]);
}

/** Runs even if the object has other faults, so that all are reported. */
export function exactlyOne(names: readonly string[]) {
  return z.superRefine<unknown>(
    (value, context) => {
      if (typeof value !== 'object' || value === null) return;
      const present: string[] = [];
      for (const [name, held] of Object.entries(value)) {
        if (names.includes(name) && held !== undefined && held !== null) present.push(name);
      }
      if (present.length === 1) return;
      const found = present.length === 0 ? 'none is there' : `${present.join(' and ')} are there`;
      report([{ field: '', message: `must have exactly one of ${names.join(', ')}; ${found}` }], context, []);
    },
    { when: () => true },
  );
}

function report(faults: readonly Fault[], context: z.core.$RefinementCtx, path: readonly PropertyKey[]): void {
  for (const { field, message } of faults) {
    context.addIssue({ code: 'custom', message: field === '' ? message : `${field}: ${message}`, path: [...path] });
  }
}

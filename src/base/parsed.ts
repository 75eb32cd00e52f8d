import type { z } from 'zod';
import { closest } from './closest.ts';
import { type Fault, invalid } from './errors.ts';
import { describeIssue, knownFields } from './schema-issues.ts';

/** What a pure parser returns: the value, or every fault at once. Only the edge throws (`orThrow`). */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function faulty<T>(faults: readonly Fault[]): Parsed<T> {
  return { ok: false, faults };
}

/** The value; throws `invalid-argument` with every fault. */
export function orThrow<T>(result: Parsed<T>): T {
  if (result.ok) return result.value;
  throw invalid(result.faults);
}

/**
 * A field path as Kubernetes prints it: `field('spec', 'volumes', 0, 'secret')` is `spec.volumes[0].secret`. A symbol
 * stands for a key of a map, as `mapOf` reports it: `field('data', Symbol('tls.crt'))` is `data[tls.crt]`.
 */
export function field(...steps: readonly PropertyKey[]): string {
  let path = '';
  for (const step of steps) {
    if (typeof step === 'number') path += `[${step}]`;
    else if (typeof step === 'symbol') path = mapKey(path, step.description ?? '');
    else if (step !== '') path += path === '' ? step : `.${step}`;
  }
  return path;
}

/** A key of a map, which may hold dots: `mapKey('data', 'tls.crt')` is `data[tls.crt]`. */
export function mapKey(path: string, key: string): string {
  return `${path}[${key}]`;
}

/**
 * Parses `input` by a zod schema; paths start at `root`. Unknown keys of a strict object become one fault each, with
 * the likely spelling. Messages name types, never the input's value, so secrets do not leak through them.
 */
export function parseBy<S extends z.ZodType>(schema: S, input: unknown, root = ''): Parsed<z.output<S>> {
  const result = schema.safeParse(input, { error: describeIssue });
  if (result.success) return parsed(result.data);
  return faulty(result.error.issues.flatMap((issue) => faultsOf(issue, root, schema)));
}

function faultsOf(issue: z.core.$ZodIssue, root: string, schema: z.ZodType): Fault[] {
  if (issue.code !== 'unrecognized_keys') return [{ field: field(root, ...issue.path), message: issue.message }];
  const known = knownFields(schema, issue.path);
  return issue.keys.map((key) => ({ field: field(root, ...issue.path, key), message: unknownField(key, known) }));
}

/** More fields than this are no help in a message. */
const MOST_FIELDS_NAMED = 8;

/** The fault of a field that is none of `known`, with the likely spelling where there is one. */
export function unknownField(name: string, known: readonly string[]): string {
  const guess = closest(name, known);
  if (guess !== undefined) return `unknown field; did you mean "${guess}"?`;
  if (known.length === 0 || known.length > MOST_FIELDS_NAMED) return 'unknown field';
  return `unknown field; known here: ${known.join(', ')}`;
}

import type { z } from 'zod';
import { closest } from './closest.ts';
import { type Fault, invalid } from './errors.ts';

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

/** A field path as Kubernetes prints it: `field('spec', 'volumes', 0, 'secret')` is `spec.volumes[0].secret`. */
export function field(...steps: readonly PropertyKey[]): string {
  let path = '';
  for (const step of steps) {
    if (typeof step === 'number') path += `[${step}]`;
    else if (step !== '') path += path === '' ? String(step) : `.${String(step)}`;
  }
  return path;
}

/** A key of a map, which may hold dots: `mapKey('data', 'tls.crt')` is `data[tls.crt]`. */
export function mapKey(path: string, key: string): string {
  return `${path}[${key}]`;
}

/**
 * Parses `input` by a zod schema; paths start at `root`. Unknown keys of a strict object become one fault each, with
 * the likely spelling. zod's messages name types, never the input's value, so secrets do not leak through them.
 */
export function parseBy<S extends z.ZodType>(schema: S, input: unknown, root = ''): Parsed<z.output<S>> {
  const result = schema.safeParse(input);
  if (result.success) return parsed(result.data);
  return faulty(result.error.issues.flatMap((issue) => faultsOf(issue, root, schema)));
}

function faultsOf(issue: z.core.$ZodIssue, root: string, schema: z.ZodType): Fault[] {
  if (issue.code !== 'unrecognized_keys') return [{ field: field(root, ...issue.path), message: issue.message }];
  const known = knownKeys(schema, issue.path);
  return issue.keys.map((key) => {
    const guess = closest(key, known);
    const hint = guess === undefined ? '' : `; did you mean "${guess}"?`;
    return { field: field(root, ...issue.path, key), message: `unknown field${hint}` };
  });
}

/** The keys that the object schema at `path` knows, as far as the schema can be followed statically. */
function knownKeys(schema: unknown, path: readonly PropertyKey[]): string[] {
  const definition = definitionOf(schema);
  if (definition === undefined) return [];
  if (definition.type === 'pipe') return knownKeys(definition.in, path);
  if (definition.innerType !== undefined) return knownKeys(definition.innerType, path);
  if (definition.type === 'lazy' && definition.getter) return knownKeys(definition.getter(), path);
  const [step, ...rest] = path;
  if (step === undefined) return definition.shape === undefined ? [] : Object.keys(definition.shape);
  if (definition.type === 'array') return knownKeys(definition.element, rest);
  if (definition.type === 'record') return knownKeys(definition.valueType, rest);
  return definition.shape === undefined ? [] : knownKeys(definition.shape[String(step)], rest);
}

type SchemaDefinition = {
  readonly type: string;
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly element?: unknown;
  readonly valueType?: unknown;
  readonly innerType?: unknown;
  readonly in?: unknown;
  readonly getter?: () => unknown;
};

function definitionOf(schema: unknown): SchemaDefinition | undefined {
  if (typeof schema !== 'object' || schema === null || !('def' in schema)) return undefined;
  return schema.def as SchemaDefinition;
}

import type * as z from 'zod';
import { type Fault, invalid } from './errors.ts';

/** The result of a pure parser: the value, or all faults. Only the edge throws (`orThrow`). */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function faulty<T>(faults: readonly Fault[]): Parsed<T> {
  return { ok: false, faults };
}

/** Throws `invalid-argument` with all faults. */
export function orThrow<T>(result: Parsed<T>): T {
  if (result.ok) return result.value;
  throw invalid(result.faults);
}

/** The message of JSON.parse quotes its input, so it is not passed on. */
export function parseJson(text: string): Parsed<unknown> {
  try {
    return parsed(JSON.parse(text));
  } catch {
    return faulty([{ field: '', message: 'is not JSON' }]);
  }
}

/** A mapping of parsed YAML or JSON. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The paths of faults start with `root`. Each unknown key of a strict object is a fault, with a guess at the intended
 * key. Messages name types, never values, which may be secret.
 */
export function parseBy<S extends z.ZodType>(schema: S, input: unknown, root = ''): Parsed<z.output<S>> {
  const result = schema.safeParse(input, { error: describeIssue });
  if (result.success) return parsed(result.data);
  return faulty(result.error.issues.flatMap((issue) => faultsOf(issue, root, schema)));
}

/** Undefined keeps zod's own message. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return 'is required';
  if (issue.code === 'invalid_type') {
    return wrongType(EXPECTED[issue.expected] ?? issue.expected, issue.input);
  }
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map((value) => JSON.stringify(value)).join(', ');
    return issue.values.length === 1 ? `must be ${allowed}` : `must be one of ${allowed}`;
  }
  return undefined;
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

/** Example: `must be a string, not a number; put it in quotes`. */
export function wrongType(expected: string, value: unknown): string {
  const isScalar = ['number', 'bigint', 'boolean'].includes(typeof value);
  return `must be ${expected}, not ${typeName(value)}${expected === 'a string' && isScalar ? '; put it in quotes' : ''}`;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'bigint') return 'a number with that many digits';
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`;
}

function faultsOf(issue: z.core.$ZodIssue, root: string, schema: z.ZodType): Fault[] {
  if (issue.code !== 'unrecognized_keys') return [{ field: field(root, ...issue.path), message: issue.message }];
  const known = knownFields(schema, issue.path);
  return issue.keys.map((key) => ({ field: field(root, ...issue.path, key), message: unknownField(key, known) }));
}

/**
 * A path in Kubernetes' notation: `field('spec', 'volumes', 0, 'secret')` is `spec.volumes[0].secret`. A symbol is a
 * key of a map, as `mapOf` reports it: `field('data', Symbol('tls.crt'))` is `data[tls.crt]`.
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

/** A key may contain dots: `mapKey('data', 'tls.crt')` is `data[tls.crt]`. */
export function mapKey(path: string, key: string): string {
  return `${path}[${key}]`;
}

/** Empty if the schema cannot be followed statically to `path`. */
function knownFields(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const definition = definitionOf(schema);
  if (definition === undefined) return [];
  if (definition.type === 'pipe') return knownFields(definition.in, path);
  if (definition.innerType !== undefined) return knownFields(definition.innerType, path);
  if (definition.type === 'lazy' && definition.getter) return knownFields(definition.getter(), path);
  const [step, ...rest] = path;
  if (step === undefined) return definition.shape === undefined ? [] : Object.keys(definition.shape);
  if (definition.type === 'array') return knownFields(definition.element, rest);
  if (definition.type === 'record') return knownFields(definition.valueType, rest);
  return definition.shape === undefined ? [] : knownFields(definition.shape[String(step)], rest);
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

/** A longer list of fields does not help in a message. */
const MAX_FIELDS_NAMED = 8;

export function unknownField(name: string, known: readonly string[]): string {
  const guess = closest(name, known);
  if (guess !== undefined) return `unknown field; did you mean "${guess}"?`;
  if (known.length === 0 || known.length > MAX_FIELDS_NAMED) return 'unknown field';
  return `unknown field; known here: ${known.join(', ')}`;
}

/** The known word nearest to `word` by edit distance, if it is near enough to be a likely misspelling. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    // The distance is at least the difference in length. A word may be as long as a whole manifest.
    if (Math.abs(word.length - candidate.length) > limit) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Counts insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let beforePrevious: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swap = isSwap ? (beforePrevious[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(substitution, swap, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[b.length] ?? 0;
}

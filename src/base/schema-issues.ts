import type { z } from 'zod';

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

/** What a schema's issue means to whoever wrote the input. Undefined leaves it to zod's own words. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
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

/** `must be a string, not a number; put it in quotes`: names the type of the value, never the value. */
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

/** The fields that the object schema at `path` knows, as far as the schema can be followed statically. */
export function knownFields(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
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

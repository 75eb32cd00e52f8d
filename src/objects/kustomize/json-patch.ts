import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { faulty, isFields, type Parsed, parseBy, parsed } from '../../base/parsed.ts';

const path = z.string().regex(/^(\/|$)/, 'must be a JSON pointer: /a/b');
const operation = z.discriminatedUnion('op', [
  z.object({ op: z.enum(['add', 'replace', 'test']), path, value: z.unknown() }),
  z.object({ op: z.literal('remove'), path }),
  z.object({ op: z.enum(['move', 'copy']), path, from: path }),
]);

export type JsonPatch = readonly z.output<typeof operation>[];

const MAX_OPERATIONS = 1000;
/** Copies of copies double their source, so the result's values and depth are limited. */
const MAX_VALUES = 100_000;
const MAX_DEPTH = 200;

/** Parses an RFC 6902 patch from parsed YAML or JSON. */
export function parseJsonPatch(raw: unknown): Parsed<JsonPatch> {
  return parseBy(z.array(operation).max(MAX_OPERATIONS), raw);
}

/**
 * As in kustomize, `replace` also creates a member; as in the RFC and an API server, it does not with `isStrict`. A
 * fault's field is the operation, `[2]`; values are not quoted.
 */
export function applyJsonPatch(
  document: unknown,
  patch: JsonPatch,
  { isStrict = false }: { readonly isStrict?: boolean } = {},
): Parsed<unknown> {
  let now = document;
  for (const [at, step] of patch.entries()) {
    try {
      if (isStrict && step.op === 'replace') valueAt(now, stepsOf(step.path));
      now = apply(now, step);
    } catch (error) {
      if (!(error instanceof Inapplicable)) throw error;
      return faulty([{ field: `[${at}]`, message: `${step.op} "${step.path}": ${error.message}` }]);
    }
    if (step.op === 'copy' && !isBounded(now)) {
      return faulty([
        { field: `[${at}]`, message: `${step.op} "${step.path}": the document grows beyond all measure` },
      ]);
    }
  }
  return parsed(now);
}

class Inapplicable extends Error {}

function apply(document: unknown, step: JsonPatch[number]): unknown {
  const to = stepsOf(step.path);
  switch (step.op) {
    case 'add':
      return put(document, to, step.value, 'insert');
    case 'replace':
      return put(document, to, step.value, 'replace');
    case 'remove':
      return without(document, to);
    case 'copy':
      return put(document, to, valueAt(document, stepsOf(step.from)), 'insert');
    case 'move': {
      const from = stepsOf(step.from);
      return put(without(document, from), to, valueAt(document, from), 'insert');
    }
    case 'test':
      if (isDeepStrictEqual(valueAt(document, to), step.value ?? null)) return document;
      throw new Inapplicable('the value there is another');
  }
}

function stepsOf(pointer: string): string[] {
  const [, ...steps] = pointer.split('/');
  if (steps.length > MAX_DEPTH) throw new Inapplicable('the path is too long');
  return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(document: unknown, steps: readonly string[]): unknown {
  let now = document;
  for (const step of steps) {
    if (Array.isArray(now)) now = now[indexUpTo(now.length - 1, step)];
    else if (isFields(now) && Object.hasOwn(now, step)) now = now[step];
    else throw new Inapplicable(MISSING);
  }
  return now;
}

const MISSING = 'there is nothing at this path';

/** The path's parent must exist. */
function put(document: unknown, steps: readonly string[], value: unknown, how: 'insert' | 'replace'): unknown {
  return changeParent(document, steps, (parent, last) => {
    if (isFields(parent)) return { ...parent, [last]: value };
    const isInsert = how === 'insert';
    if (isInsert && last === '-') return [...parent, value];
    return parent.toSpliced(indexUpTo(parent.length - (isInsert ? 0 : 1), last), isInsert ? 0 : 1, value);
  });
}

function without(document: unknown, steps: readonly string[]): unknown {
  return changeParent(document, steps, (parent, last) => {
    if (Array.isArray(parent)) return parent.toSpliced(indexUpTo(parent.length - 1, last), 1);
    if (!Object.hasOwn(parent, last)) throw new Inapplicable(MISSING);
    return Object.fromEntries(Object.entries(parent).filter(([key]) => key !== last));
  });
}

type Collection = Readonly<Record<string, unknown>> | readonly unknown[];

/** A copy with `change` applied to the collection that holds the last step. */
function changeParent(
  value: unknown,
  [step, ...rest]: readonly string[],
  change: (parent: Collection, last: string) => Collection,
): unknown {
  if (step === undefined) throw new Inapplicable('the whole document cannot be another');
  if (!Array.isArray(value) && !isFields(value)) throw new Inapplicable(MISSING);
  if (rest.length === 0) return change(value, step);
  const inner = changeParent(valueAt(value, [step]), rest, change);
  return Array.isArray(value) ? value.with(indexUpTo(value.length - 1, step), inner) : { ...value, [step]: inner };
}

function indexUpTo(last: number, step: string): number {
  const index = /^(0|[1-9]\d{0,8})$/.test(step) ? Number(step) : -1;
  if (index < 0 || index > last) throw new Inapplicable('this list has no such place');
  return index;
}

function isBounded(document: unknown): boolean {
  let values = 0;
  const visit = (value: unknown, depth: number): boolean => {
    values += 1;
    if (values > MAX_VALUES || depth > MAX_DEPTH) return false;
    if (typeof value !== 'object' || value === null) return true;
    return Object.values(value).every((inner) => visit(inner, depth + 1));
  };
  return visit(document, 0);
}

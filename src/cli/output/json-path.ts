import { LanternError } from '../../base/errors.ts';

/** One step from a value to what is in it. `every`: all elements of a list, or all values of a map. */
export type PathStep =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'every' };

/** `source`: the path as it was written, for messages. */
export type JsonPath = { readonly source: string; readonly steps: readonly PathStep[] };

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: JsonPath }
  | { readonly kind: 'range'; readonly path: JsonPath; readonly body: readonly TemplatePart[] };

/** A template of kubectl's `-o jsonpath`, parsed by `parseJsonPath`. */
export type JsonPathTemplate = { readonly parts: readonly TemplatePart[] };

/**
 * What the template says about plain JSON, as kubectl prints it: several values of one path with a blank between, lists
 * and maps as JSON, nothing for a field that is not there. Throws `out-of-range` for an index beyond the list's end, and
 * `failed-precondition` for an index into anything else.
 */
export function renderJsonPath({ parts }: JsonPathTemplate, root: unknown): string {
  return parts.map((part) => renderPart(part, root)).join('');
}

function renderPart(part: TemplatePart, current: unknown): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'path':
      return follow(part.path, current).map(show).join(' ');
    case 'range':
      return follow(part.path, current)
        .map((item) => renderJsonPath({ parts: part.body }, item))
        .join('');
  }
}

function follow({ source, steps }: JsonPath, from: unknown): readonly unknown[] {
  let values: readonly unknown[] = [from];
  for (const step of steps) values = values.flatMap((value) => stepInto(value, step, source));
  return values;
}

function stepInto(value: unknown, step: PathStep, source: string): readonly unknown[] {
  switch (step.kind) {
    case 'field':
      return isMap(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'every':
      if (Array.isArray(value)) return value;
      return isMap(value) ? Object.values(value) : [];
    case 'index':
      return [elementOf(value, step.index, source)];
  }
}

/** Counted from the end where the index is negative. */
function elementOf(value: unknown, index: number, source: string): unknown {
  const tried = `show "${source}"`;
  if (!Array.isArray(value))
    throw new LanternError('failed-precondition', `${tried}: what [${index}] is of is no list`);
  if (index < value.length && index >= -value.length) return value.at(index);
  throw new LanternError('out-of-range', `${tried}: there is no element ${index} in a list of ${value.length}`);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

import { LanternError } from '../../base/errors.ts';
import { isFields } from '../../base/parsed.ts';
import { goJsonOfMaps } from '../../objects/go-json.ts';
import { byteOrder } from '../../payload/payload.ts';

/** `source`: the path as it was written, for messages. */
export type JsonPath = { readonly source: string; readonly steps: readonly PathStep[] };

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: JsonPath }
  | { readonly kind: 'range'; readonly path: JsonPath; readonly body: readonly TemplatePart[] };

/** A template of kubectl's `-o jsonpath`, parsed by `parseJsonPath`. */
export type JsonPathTemplate = { readonly parts: readonly TemplatePart[] };

/** The limit of the output, in UTF-16 code units. */
const MAX_TEXT = 128 * 1024 * 1024;

const TRIED = 'evaluate the template';

/**
 * Prints as kubectl does: blanks between several values of a path, lists and maps as Go's JSON, nothing for a missing
 * field. `out-of-range` for an index beyond a list, `failed-precondition` for an index or filter of another value and
 * for values that cannot be compared, `resource-exhausted` beyond the limits.
 */
export function renderJsonPath(template: JsonPathTemplate, root: unknown): string {
  return new Rendering().render(template.parts, root);
}

/** The values at one path. Errors as `renderJsonPath`. */
export function valuesAt({ steps, source }: JsonPath, root: unknown): readonly unknown[] {
  return followSteps(steps, [root], { tried: `show "${source}"`, budget: new StepBudget() });
}

class Rendering {
  readonly #budget = new StepBudget();
  #length = 0;

  render(parts: readonly TemplatePart[], current: unknown): string {
    return parts.map((part) => this.#renderPart(part, current)).join('');
  }

  #renderPart(part: TemplatePart, current: unknown): string {
    this.#budget.spend(1, TRIED);
    if (part.kind === 'text') return this.#counted(part.text);
    const { steps, source } = part.path;
    const values = followSteps(steps, [current], { tried: `show "${source}"`, budget: this.#budget });
    if (part.kind === 'range') return values.map((item) => this.render(part.body, item)).join('');
    return values.map((value, index) => this.#counted(index === 0 ? show(value) : ` ${show(value)}`)).join('');
  }

  #counted(text: string): string {
    this.#length += text.length;
    if (this.#length <= MAX_TEXT) return text;
    throw new LanternError('resource-exhausted', `${TRIED}: the output exceeds 128 MiB`);
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : goJsonOfMaps(value);
}

/** `every`: all elements or values. `down`: the value and all lists, maps and strings in it that are not empty. */
export type PathStep =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly start: number; readonly end: number | undefined; readonly step: number }
  | { readonly kind: 'every' }
  | { readonly kind: 'down' }
  | { readonly kind: 'union'; readonly members: readonly PathStep[] }
  | { readonly kind: 'filter'; readonly filter: Filter };

/** Without a comparison an element passes if `left` exists. */
type Filter = { readonly left: Operand; readonly comparison: Comparison | undefined };

export type Comparison = { readonly operator: Operator; readonly right: Operand };

export const OPERATORS = ['==', '!=', '<=', '>=', '<', '>'] as const;
export type Operator = (typeof OPERATORS)[number];

/** A path starts at the element that the filter tests. */
export type Operand = { readonly constant: string | number | boolean } | { readonly path: readonly PathStep[] };

/** `tried` is the beginning of messages. */
type Following = { readonly tried: string; readonly budget: StepBudget };

/** The limit of one template: steps and ranges can multiply. */
const MAX_VALUES = 5_000_000;

class StepBudget {
  #left = MAX_VALUES;

  /** Throws `resource-exhausted`. */
  spend(values: number, tried: string): void {
    this.#left -= values;
    if (this.#left >= 0) return;
    throw new LanternError('resource-exhausted', `${tried}: it visits more than 5,000,000 values`);
  }
}

/** In kubectl's order. */
function followSteps(steps: readonly PathStep[], from: readonly unknown[], following: Following): readonly unknown[] {
  return steps.reduce((values, step) => takeStep(step, values, following), from);
}

function takeStep(step: PathStep, from: readonly unknown[], following: Following): readonly unknown[] {
  if (step.kind === 'union') return step.members.flatMap((member) => takeStep(member, from, following));
  return from.flatMap((value) => {
    const found = stepInto(value, step, following);
    following.budget.spend(found.length + 1, following.tried);
    return found;
  });
}

function stepInto(
  value: unknown,
  step: Exclude<PathStep, { kind: 'union' }>,
  following: Following,
): readonly unknown[] {
  switch (step.kind) {
    case 'field':
      return isFields(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'every':
      return contentsOf(value);
    case 'down':
      return [...downFrom(value, following)];
    case 'index':
      return value === null ? [] : [elementOf(listAt(value, `[${step.index}]`, following), step.index, following)];
    case 'slice':
      return value === null ? [] : sliceOf(listAt(value, 'a slice', following), step, following);
    case 'filter':
      return filtered(listAt(value, 'a filter', following), step.filter, following);
  }
}

function contentsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isFields(value) ? Object.values(value) : [];
}

function* downFrom(value: unknown, following: Following): Generator<unknown> {
  following.budget.spend(1, following.tried);
  const contents = contentsOf(value);
  if (contents.length > 0 || (typeof value === 'string' && value !== '')) yield value;
  for (const held of contents) yield* downFrom(held, following);
}

function listAt(value: unknown, what: string, { tried }: Following): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new LanternError('failed-precondition', `${tried}: ${what} needs a list`);
}

/** A negative index counts from the end. */
function elementOf(list: readonly unknown[], index: number, { tried }: Following): unknown {
  if (index < list.length && index >= -list.length) return list[index < 0 ? index + list.length : index];
  throw new LanternError('out-of-range', `${tried}: there is no element ${index} in a list of ${list.length}`);
}

/** An empty slice may be anywhere. Any other must be inside the list. */
function sliceOf(
  list: readonly unknown[],
  { start, end = list.length, step }: Extract<PathStep, { kind: 'slice' }>,
  { tried }: Following,
): readonly unknown[] {
  const from = start < 0 ? start + list.length : start;
  const to = end < 0 ? end + list.length : end;
  if (from === to) return [];
  if (from < 0 || to > list.length || from > to) {
    throw new LanternError('out-of-range', `${tried}: [${start}:${end}] is not in a list of ${list.length}`);
  }
  return list.slice(from, to).filter((_, index) => index % step === 0);
}

function filtered(list: readonly unknown[], filter: Filter, following: Following): readonly unknown[] {
  following.budget.spend(list.length, following.tried);
  return list.filter((item) => passes(item, filter, following));
}

/** An element without the compared field does not pass, whatever the operator. */
function passes(item: unknown, { left, comparison }: Filter, following: Following): boolean {
  if (comparison === undefined) return exists(item, left, following);
  const [a, b] = [valuesOf(left, item, following), valuesOf(comparison.right, item, following)];
  if (a.length === 0 || b.length === 0) return false;
  if (a.length === 1 && b.length === 1) return compare(a[0], comparison.operator, b[0], following);
  throw new LanternError('failed-precondition', `${following.tried}: a filter compares one value with one value`);
}

function exists(item: unknown, operand: Operand, following: Following): boolean {
  try {
    return valuesOf(operand, item, following).length > 0;
  } catch (error) {
    if (error instanceof LanternError && error.code === 'out-of-range') return false;
    throw error;
  }
}

function valuesOf(operand: Operand, item: unknown, following: Following): readonly unknown[] {
  return 'path' in operand ? followSteps(operand.path, [item], following) : [operand.constant];
}

function compare(a: unknown, operator: Operator, b: unknown, { tried }: Following): boolean {
  const refuse = (why: string) => new LanternError('failed-precondition', `${tried}: ${why}`);
  if (typeof a !== typeof b) {
    throw refuse(`a filter cannot compare ${kindOf(a)} with ${kindOf(b)}; only strings have quotes`);
  }
  if (operator === '==' || operator === '!=') {
    if (typeof a === 'object') throw refuse('a filter compares only strings, numbers and booleans');
    return (a === b) === (operator === '==');
  }
  const order = orderOf(a, b);
  if (order === undefined) throw refuse(`"${operator}" compares only strings or numbers`);
  return HOLDS[operator](order);
}

function orderOf(a: unknown, b: unknown): number | undefined {
  if (typeof a === 'string' && typeof b === 'string') return byteOrder(a, b);
  return typeof a === 'number' && typeof b === 'number' ? a - b : undefined;
}

const HOLDS = {
  '<': (order: number) => order < 0,
  '<=': (order: number) => order <= 0,
  '>': (order: number) => order > 0,
  '>=': (order: number) => order >= 0,
} as const;

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'a string';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return Array.isArray(value) ? 'a list' : 'a map';
}

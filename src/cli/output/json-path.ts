import { LanternError } from '../../base/errors.ts';
import { goJsonOfMaps } from '../../base/go-json.ts';
import { followSteps, type PathStep, StepBudget } from './json-path-steps.ts';

/** `source`: the path as it was written, for messages. */
export type JsonPath = { readonly source: string; readonly steps: readonly PathStep[] };

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: JsonPath }
  | { readonly kind: 'range'; readonly path: JsonPath; readonly body: readonly TemplatePart[] };

/** A template of kubectl's `-o jsonpath`, parsed by `parseJsonPath`. */
export type JsonPathTemplate = { readonly parts: readonly TemplatePart[] };

/** Of one answer, in UTF-16 code units. */
const MOST_TEXT = 128 * 1024 * 1024;

const TRIED = 'show what the template says';

/**
 * What the template says about plain JSON, as kubectl prints it: several values of one path with a blank between, lists
 * and maps as Go's JSON, nothing for a field that is not there. Throws `out-of-range` for an index beyond the list's end,
 * `failed-precondition` for an index or a filter of anything else and for values that cannot be compared, and
 * `resource-exhausted` where a template multiplies what is there beyond its limits.
 */
export function renderJsonPath(template: JsonPathTemplate, root: unknown): string {
  return new Rendering().render(template.parts, root);
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
    if (this.#length <= MOST_TEXT) return text;
    throw new LanternError('resource-exhausted', `${TRIED}: it is more than 128 MiB; ask for less`);
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : goJsonOfMaps(value);
}

import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseLabelKey, parseLabelValue } from './names.ts';

type LabelSelector = (labels: ReadonlyMap<string, string>) => boolean;

const FORMS =
  'a selector has KEY=VALUE, KEY!=VALUE, KEY in (A,B), KEY notin (A,B), KEY and !KEY, with commas between them';

/** Parses Kubernetes' `a=b,c!=d,e in (x,y),f,!g`. All parts must hold. `!=` and `notin` accept a missing label. */
export function parseLabelSelector(text: string, field: string): Parsed<LabelSelector> {
  if (text.trim() === '') return parsed(() => true);
  const faults: Fault[] = [];
  const parts: LabelSelector[] = [];
  // Commas in parentheses do not separate parts.
  for (const part of text.split(/,(?![^(]*\))/)) {
    const result = parsePart(part.trim(), field);
    if (result.ok) parts.push(result.value);
    else faults.push(...result.faults);
  }
  return faults.length > 0 ? faulty(faults) : parsed((labels) => parts.every((selects) => selects(labels)));
}

function parsePart(part: string, field: string): Parsed<LabelSelector> {
  const [, bang, lone = ''] = /^(!?)\s*([^\s!=(),]+)$/.exec(part) ?? [];
  if (lone !== '') return checked(lone, [], field, (value) => (value === undefined) === (bang === '!'));
  const [, left = '', operator, right = ''] = /^([^\s!=(),]+)\s*(=|==|!=)\s*([^\s!=(),]*)$/.exec(part) ?? [];
  if (left !== '') return checked(left, [right], field, (value) => (value === right) === (operator !== '!='));
  const [, key = '', word, list = ''] = /^([^\s!=(),]+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part) ?? [];
  if (key === '') return faulty([{ field, message: `"${part}" is not understood; ${FORMS}` }]);
  const values = list.split(',').map((value) => value.trim());
  return checked(key, values, field, (value) => (value !== undefined && values.includes(value)) === (word === 'in'));
}

/** Checks that key and values are valid for labels. */
function checked(
  key: string,
  values: readonly string[],
  field: string,
  holds: (value: string | undefined) => boolean,
): Parsed<LabelSelector> {
  const results = [
    { text: key, result: parseLabelKey(key, field) },
    ...values.map((text) => ({ text, result: parseLabelValue(text, field) })),
  ];
  const faults = results.flatMap(({ text, result }) =>
    result.ok ? [] : result.faults.map(({ message }) => ({ field, message: `"${text}": ${message}` })),
  );
  return faults.length > 0 ? faulty(faults) : parsed((labels) => holds(labels.get(key)));
}

import type { Fault } from '../../base/errors.ts';
import { field, isFields, unknownField, wrongType } from '../../base/parsed.ts';
import { POD_TYPES } from '../../objects/kubernetes-api.ts';
import { parseQuantity } from '../quantity.ts';

/** What Lantern knows besides, in the same words: data of the request as a source, and the owners of files. */
const OWN_FIELDS: Readonly<Record<string, string>> = {
  Volume: 'request:any',
  VolumeProjection: 'request:any',
  KeyToPath: 'user:any group:any',
  DownwardAPIVolumeFile: 'user:any group:any',
  SecretVolumeSource: 'defaultUser:any defaultGroup:any',
  ConfigMapVolumeSource: 'defaultUser:any defaultGroup:any',
  DownwardAPIVolumeSource: 'defaultUser:any defaultGroup:any',
  ProjectedVolumeSource: 'defaultUser:any defaultGroup:any',
  ServiceAccountTokenProjection: 'user:any',
};

/** Finding the likely spelling takes longer than reading; no answer shows more. */
const MOST_GUESSES = 100;

/** What is wrong with the fields of a Pod that Kubernetes' API knows nothing of, or knows as something else. */
type PodFieldFaults = {
  /** By field. A misspelling says what is meant, where that can be guessed. */
  readonly unknown: ReadonlyMap<string, string>;
  /** Of known fields, by field. */
  readonly mistyped: ReadonlyMap<string, string>;
};

/** The fields that the API gives to a type of a Pod's. */
export function fieldsOfType(type: string): ReadonlyMap<string, string> {
  const known = fieldsByType.get(type);
  if (known !== undefined) return known;
  const words = `${POD_TYPES[type]} ${OWN_FIELDS[type] ?? ''}`.trim().split(' ');
  const fields = new Map(words.map((word) => [word.slice(0, word.indexOf(':')), word.slice(word.indexOf(':') + 1)]));
  fieldsByType.set(type, fields);
  return fields;
}

const fieldsByType = new Map<string, ReadonlyMap<string, string>>();

/** Every field of a Pod (parsed YAML or JSON) is looked up in the API's list, as API servers do when they are asked to be strict. */
export function checkPodFields(raw: unknown): PodFieldFaults {
  const found = { unknown: new Map<string, string>(), mistyped: new Map<string, string>() };
  checkValue(raw, 'Pod', [], found);
  return found;
}

/** As `checkPodFields`, as one list. */
export function podFieldFaults(raw: unknown): readonly Fault[] {
  return withPodFieldFaults(raw, []);
}

/** The faults of a Pod's fields, and `own` that somebody found who knows more of what a field means. */
export function withPodFieldFaults(raw: unknown, own: readonly Fault[]): readonly Fault[] {
  const { unknown, mistyped } = checkPodFields(raw);
  const better = own.filter(({ field }) => !unknown.has(field));
  const told = new Set(better.map(({ field }) => field));
  const rest = [...unknown, ...mistyped].filter(([field]) => !told.has(field));
  return [...better, ...rest.map(([field, message]) => ({ field, message }))];
}

type Found = { readonly unknown: Map<string, string>; readonly mistyped: Map<string, string> };
type Path = readonly PropertyKey[];

/** Null is the same as left out, as it is to Kubernetes. */
function checkValue(value: unknown, type: string, path: Path, found: Found): void {
  if (value === null || value === undefined) return;
  const problem = problemWith(value, type);
  if (problem !== undefined) {
    found.mistyped.set(field(...path), problem);
  } else if (type.endsWith(LIST) && Array.isArray(value)) {
    const typeOfEach = type.slice(0, -LIST.length);
    for (const [index, each] of value.entries()) checkValue(each, typeOfEach, [...path, index], found);
  } else if (type.endsWith(MAPPING)) {
    const typeOfEach = type.slice(0, -MAPPING.length);
    for (const [key, each] of Object.entries(value)) checkValue(each, typeOfEach, [...path, Symbol(key)], found);
  } else if (type in POD_TYPES) {
    checkFields(value, type, path, found);
  }
}

function checkFields(value: object, type: string, path: Path, found: Found): void {
  const fields = fieldsOfType(type);
  for (const [name, each] of Object.entries(value)) {
    const typeOfField = fields.get(name);
    if (typeOfField !== undefined) checkValue(each, typeOfField, [...path, name], found);
    else {
      const known = found.unknown.size < MOST_GUESSES ? [...fields.keys()] : [];
      found.unknown.set(field(...path, name), unknownField(name, known));
    }
  }
}

const LIST = '[]';
const MAPPING = '{}';

function problemWith(value: unknown, type: string): string | undefined {
  if (type.endsWith(LIST)) return Array.isArray(value) ? undefined : wrongType('a list', value);
  if (type.endsWith(MAPPING) || type in POD_TYPES) return isFields(value) ? undefined : wrongType('a mapping', value);
  if (type === 'quantity' && (typeof value === 'string' || typeof value === 'number')) {
    const quantity = parseQuantity(String(value).trim(), '');
    return quantity.ok ? undefined : quantity.faults.map(({ message }) => message).join('; ');
  }
  const leaf = LEAVES[type];
  return leaf === undefined || leaf.holds(value) ? undefined : wrongType(leaf.rule, value);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$/;

/** What is not made of fields; any value will do where there is no rule. */
const LEAVES: Readonly<Record<string, { readonly rule: string; readonly holds: (value: unknown) => boolean }>> = {
  string: { rule: 'a string', holds: (value) => typeof value === 'string' },
  boolean: { rule: 'true or false', holds: (value) => typeof value === 'boolean' },
  int32: { rule: 'a whole number of 32 bits', holds: (value) => isWhole(value, 31n) },
  int64: { rule: 'a whole number of 64 bits', holds: (value) => isWhole(value, 63n) },
  intOrString: {
    rule: 'a whole number of 32 bits or a string',
    holds: (value) => typeof value === 'string' || isWhole(value, 31n),
  },
  quantity: { rule: 'a quantity, such as 250m, 1.5 or 64Mi', holds: () => false },
  time: { rule: 'a time such as 2006-01-02T15:04:05Z', holds: isTime },
};

function isWhole(value: unknown, bits: bigint): boolean {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) return false;
  return value >= -(2n ** bits) && value < 2n ** bits;
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && TIME.test(value) && !Number.isNaN(Date.parse(value.replace(',', '.')));
}

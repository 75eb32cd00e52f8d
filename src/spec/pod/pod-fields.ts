import type { Fault } from '../../base/errors.ts';
import { type Fields, isFields, mapKey, unknownField, wrongType } from '../../base/parsed.ts';
import { POD_TYPES } from '../../objects/kubernetes-api.ts';
import { parseQuantity } from '../quantity.ts';

/** Lantern's own fields, in the notation of `POD_TYPES`: request data as a source, and the owners of files. */
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

/** Guessing a spelling is slower than reading, and no response shows more. */
const MAX_GUESSES = 100;

/** By path. */
type PodFieldFaults = {
  /** Fields that Kubernetes' API does not have, with the likely spelling. */
  readonly unknown: Map<string, string>;
  /** Fields whose value has the wrong type. */
  readonly mistyped: Map<string, string>;
};

/** Field name → type, for a type of the API. */
export function fieldsOfType(type: string): ReadonlyMap<string, string> {
  const known = fieldsByType.get(type);
  if (known !== undefined) return known;
  const fields = new Map<string, string>();
  for (const word of `${POD_TYPES[type]} ${OWN_FIELDS[type] ?? ''}`.trim().split(' ')) {
    const colon = word.indexOf(':');
    fields.set(word.slice(0, colon), word.slice(colon + 1));
  }
  fieldsByType.set(type, fields);
  return fields;
}

const fieldsByType = new Map<string, ReadonlyMap<string, string>>();

/** Checks every field of a Pod (parsed YAML or JSON) against the API's list, like an API server in strict mode. */
export function checkPodFields(raw: unknown): PodFieldFaults {
  const found = { unknown: new Map<string, string>(), mistyped: new Map<string, string>() };
  checkValue(raw, 'Pod', '', found);
  return found;
}

/** `checkPodFields` as one list. */
export function podFieldFaults(raw: unknown): readonly Fault[] {
  return withPodFieldFaults(raw, []);
}

/** Merges the faults of a Pod's fields with `own`, which come from a reader that knows the fields' meaning and win. */
export function withPodFieldFaults(raw: unknown, own: readonly Fault[]): readonly Fault[] {
  const { unknown, mistyped } = checkPodFields(raw);
  const faults: Fault[] = [];
  const reported = new Set<string>();
  for (const fault of own) {
    if (unknown.has(fault.field)) continue;
    faults.push(fault);
    reported.add(fault.field);
  }
  for (const [field, message] of [...unknown, ...mistyped]) {
    if (!reported.has(field)) faults.push({ field, message });
  }
  return faults;
}

const LIST = '[]';
const MAPPING = '{}';

/** Null counts as absent, as in Kubernetes. */
function checkValue(value: unknown, type: string, path: string, found: PodFieldFaults): void {
  if (value === null || value === undefined) return;
  if (type.endsWith(LIST)) {
    if (!Array.isArray(value)) return void found.mistyped.set(path, wrongType('a list', value));
    const entryType = type.slice(0, -LIST.length);
    for (const [index, entry] of value.entries()) checkValue(entry, entryType, `${path}[${index}]`, found);
  } else if (type.endsWith(MAPPING) || type in POD_TYPES) {
    if (!isFields(value)) return void found.mistyped.set(path, wrongType('a mapping', value));
    checkFields(value, type, path, found);
  } else {
    const problem = problemOfLeaf(value, type);
    if (problem !== undefined) found.mistyped.set(path, problem);
  }
}

function checkFields(value: Fields, type: string, path: string, found: PodFieldFaults): void {
  if (type.endsWith(MAPPING)) {
    const entryType = type.slice(0, -MAPPING.length);
    for (const [key, entry] of Object.entries(value)) checkValue(entry, entryType, mapKey(path, key), found);
    return;
  }
  const known = fieldsOfType(type);
  for (const [name, each] of Object.entries(value)) {
    const field = path === '' ? name : `${path}.${name}`;
    const fieldType = known.get(name);
    if (fieldType !== undefined) checkValue(each, fieldType, field, found);
    else found.unknown.set(field, unknownField(name, found.unknown.size < MAX_GUESSES ? [...known.keys()] : []));
  }
}

/** Types without a rule here accept any value. */
function problemOfLeaf(value: unknown, type: string): string | undefined {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? undefined : wrongType('a string', value);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : wrongType('true or false', value);
    case 'int32':
      return isWhole(value, 31n) ? undefined : wrongType('a whole number of 32 bits', value);
    case 'int64':
      return isWhole(value, 63n) ? undefined : wrongType('a whole number of 64 bits', value);
    case 'intOrString':
      if (typeof value === 'string' || isWhole(value, 31n)) return undefined;
      return wrongType('a whole number of 32 bits or a string', value);
    case 'time':
      return isTime(value) ? undefined : wrongType('a time such as 2006-01-02T15:04:05Z', value);
    case 'quantity': {
      if (typeof value !== 'string' && typeof value !== 'number') {
        return wrongType('a quantity, such as 250m, 1.5 or 64Mi', value);
      }
      const quantity = parseQuantity(String(value).trim(), '');
      return quantity.ok ? undefined : quantity.faults.map(({ message }) => message).join('; ');
    }
    default:
      return undefined;
  }
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$/;

function isWhole(value: unknown, bits: bigint): boolean {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) return false;
  return value >= -(2n ** bits) && value < 2n ** bits;
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && TIME.test(value) && !Number.isNaN(Date.parse(value.replace(',', '.')));
}

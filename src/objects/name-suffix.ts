import { createHash } from 'node:crypto';

/** What a name's suffix is made from. `type` is as it was given: empty where nobody gave one, not "Opaque". */
export type Suffixed =
  | {
      readonly kind: 'Secret';
      readonly name: string;
      readonly type: string;
      readonly data: ReadonlyMap<string, Uint8Array>;
    }
  | {
      readonly kind: 'ConfigMap';
      readonly name: string;
      readonly data: ReadonlyMap<string, string>;
      readonly binaryData: ReadonlyMap<string, Uint8Array>;
    };

const LENGTH = 10;

/** Digits and vowels that could spell a word, and what kubectl writes for them. */
const INSTEAD: Readonly<Record<string, string>> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' };

/** The ten characters that `kubectl create --append-hash` puts behind the name and a dash (kubectl's `pkg/util/hash`). */
export function nameSuffix(object: Suffixed): string {
  return suffixOf(hashedFields(object));
}

/** How generated names get their suffix: by today's kustomize, or as kubectl 1.15 did it. */
export const SUFFIX_RULES = ['kustomize', 'legacy'] as const;
export type SuffixRule = (typeof SUFFIX_RULES)[number];

/**
 * The suffix that kustomize (`api/hasher`, 5.5 and newer) makes of a Secret's or ConfigMap's manifest as it stands,
 * base64 with its line breaks. The name is left out, and a field that is not there is "".
 */
export function manifestSuffix(manifest: Readonly<Record<string, unknown>>): string {
  const { kind, type = '', data, binaryData, stringData } = manifest;
  const map = (field: unknown): unknown => (isMapping(field) ? sorted(new Map(Object.entries(field)), String) : '');
  return suffixOf({
    ...(isMapping(binaryData) && { binaryData: map(binaryData) }),
    data: map(data),
    kind,
    name: '',
    ...(isMapping(stringData) && { stringData: map(stringData) }),
    ...(kind === 'Secret' && { type }),
  });
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function suffixOf(fields: Record<string, unknown>): string {
  const digest = createHash('sha256').update(goJson(fields)).digest('hex');
  return digest.slice(0, LENGTH).replace(/[013ae]/g, (digit) => INSTEAD[digit] ?? digit);
}

/** Fields in order of the alphabet, as Go writes a map. */
function hashedFields(object: Suffixed): Record<string, unknown> {
  const { kind, name } = object;
  if (object.kind === 'Secret') return { data: sorted(object.data, base64), kind, name, type: object.type };
  const binaryData = object.binaryData.size === 0 ? {} : { binaryData: sorted(object.binaryData, base64) };
  return { ...binaryData, data: sorted(object.data, String), kind, name };
}

/**
 * A map as Go writes it. The entries of an object cannot be used: JavaScript puts keys that look like numbers first, in
 * the order of numbers.
 */
function sorted<T>(map: ReadonlyMap<string, T>, show: (value: T) => string): GoMap {
  return new GoMap([...map].map(([key, value]) => [key, show(value)]));
}

class GoMap {
  readonly entries: readonly (readonly [key: string, value: string])[];

  constructor(entries: readonly (readonly [key: string, value: string])[]) {
    this.entries = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** Go escapes what could end a script in HTML, and two line separators. */
function goJson(fields: Record<string, unknown>): string {
  const members = Object.entries(fields).map(([key, value]) => {
    const text = value instanceof GoMap ? mapJson(value) : JSON.stringify(value);
    return `${JSON.stringify(key)}:${text}`;
  });
  return `{${members.join(',')}}`.replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function mapJson({ entries }: GoMap): string {
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
}

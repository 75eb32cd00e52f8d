import { createHash } from 'node:crypto';
import { isFields } from '../../base/parsed.ts';
import { goJson } from '../go-json.ts';

/** The input of a name's suffix. `type` is as given: empty if omitted, not "Opaque". */
type Suffixed =
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

/** Digits and vowels that could spell a word, with kubectl's replacements. */
const INSTEAD: Readonly<Record<string, string>> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' };

/** The ten characters that `kubectl create --append-hash` appends to the name (kubectl's `pkg/util/hash`). */
export function nameSuffix(object: Suffixed): string {
  return suffixOf(hashedFields(object));
}

/** The rule for suffixes: that of today's kustomize, or that of kubectl 1.15. */
export const SUFFIX_RULES = ['kustomize', 'legacy'] as const;
export type SuffixRule = (typeof SUFFIX_RULES)[number];

/** kustomize's suffix (`api/hasher`, since 5.5) for a manifest. The name is left out; missing fields are "". */
export function manifestSuffix(manifest: Readonly<Record<string, unknown>>): string {
  const { kind, type = '', data, binaryData, stringData } = manifest;
  const map = (field: unknown): unknown => (isFields(field) ? mapped(new Map(Object.entries(field)), String) : '');
  return suffixOf({
    ...(isFields(binaryData) && { binaryData: map(binaryData) }),
    data: map(data),
    kind,
    name: '',
    ...(isFields(stringData) && { stringData: map(stringData) }),
    ...(kind === 'Secret' && { type }),
  });
}

function suffixOf(fields: Record<string, unknown>): string {
  const digest = createHash('sha256').update(goJson(fields)).digest('hex');
  return digest.slice(0, LENGTH).replace(/[013ae]/g, (digit) => INSTEAD[digit] ?? digit);
}

/** Fields are in alphabetical order, like those of a Go map. */
function hashedFields(object: Suffixed): Record<string, unknown> {
  const { kind, name } = object;
  if (object.kind === 'Secret') return { data: mapped(object.data, base64), kind, name, type: object.type };
  const binaryData = object.binaryData.size === 0 ? {} : { binaryData: mapped(object.binaryData, base64) };
  return { ...binaryData, data: mapped(object.data, String), kind, name };
}

function mapped<T, Shown>(map: ReadonlyMap<string, T>, show: (value: T) => Shown): Map<string, Shown> {
  return new Map([...map].map(([key, value]) => [key, show(value)]));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

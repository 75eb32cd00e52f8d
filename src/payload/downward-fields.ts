import type { PodFacts } from '../spec/pod-facts.ts';
import { ceilDivide, parseQuantity } from '../spec/quantity.ts';
import type { DownwardValue, FieldPath } from '../spec/volume-spec.ts';
import { byteOrder, invalid, type Problem, type RenderInputs } from './payload.ts';

export type DownwardInputs = Pick<RenderInputs, 'pod' | 'namespace' | 'allocatable'>;

export function downwardValue(value: DownwardValue, inputs: DownwardInputs): Uint8Array | Problem {
  if (inputs.pod === undefined)
    return invalid('the downward API shows the pod, and the request does not say which it is');
  if (value.kind === 'field') return fieldBytes(value.field, inputs.pod, inputs.namespace);
  return resourceValue(value, inputs.pod, inputs.allocatable);
}

/** Keyed by the pod's facts, then by namespace and field. */
const knownBytes = new WeakMap<PodFacts, Map<string, Uint8Array>>();

/** Returns shared bytes: thousands of items may show all annotations, and sizes are checked only after rendering. */
function fieldBytes(field: FieldPath, pod: PodFacts, namespace: string): Uint8Array {
  const known = knownBytes.get(pod) ?? new Map<string, Uint8Array>();
  knownBytes.set(pod, known);
  const key = JSON.stringify([namespace, field]);
  const bytes = known.get(key) ?? Buffer.from(fieldText(field, pod, namespace));
  known.set(key, bytes);
  return bytes;
}

/** A missing label or annotation is an empty string. */
function fieldText(field: FieldPath, pod: PodFacts, namespace: string): string {
  switch (field.kind) {
    case 'name':
      return pod.name;
    case 'namespace':
      return namespace;
    case 'uid':
      return pod.uid;
    case 'labels':
      return mapText(pod.labels);
    case 'annotations':
      return mapText(pod.annotations);
    case 'label':
      return pod.labels.get(field.key) ?? '';
    case 'annotation':
      return pod.annotations.get(field.key) ?? '';
  }
}

/** `key="value"` lines in byte order of the keys. Values are quoted as in Go; the last line has no newline. */
function mapText(map: ReadonlyMap<string, string>): string {
  const sorted = [...map].sort(([a], [b]) => byteOrder(a, b));
  return sorted.map(([key, value]) => `${key}=${goQuote(value)}`).join('\n');
}

/**
 * ceil(quantity / divisor), as Kubernetes counts. An unset or zero limit is the node's allocatable amount; for huge
 * pages, which are never overcommitted, it is 0 (Kubernetes' `MergeContainerResourceLimits`). An unset request is the
 * limit, as in the API server's defaults, or 0.
 */
function resourceValue(
  { containerName, resource, divisor }: Extract<DownwardValue, { kind: 'resource' }>,
  pod: PodFacts,
  allocatable: ReadonlyMap<string, string>,
): Uint8Array | Problem {
  const container = pod.containers.find(({ name }) => name === containerName);
  if (container === undefined)
    return invalid(`${resource} of container "${containerName}": the pod has no such container`);
  const name = resource.slice(resource.indexOf('.') + 1);
  const limit = container.limits.get(name);
  const quantity = resource.startsWith('limits.')
    ? limitOf(name, limit, allocatable)
    : (container.requests.get(name) ?? limit ?? '0');
  if (quantity === undefined) {
    return invalid(`${resource} of container "${containerName}" is not set, and the node does not say what it has`);
  }
  const amount = parseQuantity(quantity, '');
  const unit = parseQuantity(divisor, '');
  if (!amount.ok || !unit.ok || unit.value.numerator <= 0n) {
    return invalid(`${resource} of container "${containerName}": cannot count "${quantity}" in units of "${divisor}"`);
  }
  return Buffer.from(String(ceilDivide(amount.value, unit.value)));
}

function limitOf(
  name: string,
  limit: string | undefined,
  allocatable: ReadonlyMap<string, string>,
): string | undefined {
  if (name.startsWith('hugepages-')) return limit ?? '0';
  const amount = limit === undefined ? undefined : parseQuantity(limit, '');
  return amount?.ok && amount.value.numerator === 0n
    ? (allocatable.get(name) ?? limit)
    : (limit ?? allocatable.get(name));
}

const SHORT: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['"', '\\"'],
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
]);

/** All characters that Go's `unicode.IsPrint` rejects, `"` and `\`. */
const TO_ESCAPE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|["\\]/gu;

/** Quotes like Go's `%q`. Kubernetes writes label and annotation values so, and workloads parse them back. */
export function goQuote(text: string): string {
  return `"${text.replace(TO_ESCAPE, escapeRune)}"`;
}

function escapeRune(rune: string): string {
  const short = SHORT.get(rune);
  if (short !== undefined) return short;
  const point = rune.codePointAt(0) ?? 0;
  // Half a surrogate pair has no UTF-8 form; Go sees the replacement character.
  if (point >= 0xd800 && point <= 0xdfff) return '\\ufffd';
  if (point < 0x20 || point === 0x7f) return `\\x${hex(point, 2)}`;
  return point < 0x10000 ? `\\u${hex(point, 4)}` : `\\U${hex(point, 8)}`;
}

function hex(point: number, digits: number): string {
  return point.toString(16).padStart(digits, '0');
}

import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { type FieldPath, formatFieldPath, parseFieldPath } from './field-path.ts';

/** What an environment variable can show of a pod beside its metadata, by fieldPath. */
const POD_FIELDS = {
  'spec.nodeName': 'nodeName',
  'spec.serviceAccountName': 'serviceAccountName',
  'status.hostIP': 'hostIP',
  'status.hostIPs': 'hostIPs',
  'status.podIP': 'podIP',
  'status.podIPs': 'podIPs',
} as const;

export type PodField = (typeof POD_FIELDS)[keyof typeof POD_FIELDS];

/** A parsed fieldPath of an environment variable: unlike a volume it cannot show whole maps. */
export type EnvField =
  | { readonly kind: 'metadata'; readonly path: FieldPath }
  | { readonly kind: 'pod'; readonly field: PodField };

/** Where a pod runs, as far as whoever asks knows it: addresses are empty lists and the node is empty text otherwise. */
export type PodPlacement = {
  readonly nodeName: string;
  readonly hostIPs: readonly string[];
  readonly podIPs: readonly string[];
};

const RULE = `must be one of metadata.name, metadata.namespace, metadata.uid, ${Object.keys(POD_FIELDS).join(', ')}, or metadata.labels['key'] or metadata.annotations['key']`;

/** `metadata.name`, `metadata.labels['key']`, `status.podIP`, … */
export function parseEnvField(text: string, field: string): Parsed<EnvField> {
  const known = Object.entries(POD_FIELDS).find(([path]) => path === text);
  if (known !== undefined) return parsed({ kind: 'pod', field: known[1] });
  const path = parseFieldPath(text, field);
  if (path.ok && path.value.kind !== 'labels' && path.value.kind !== 'annotations') {
    return parsed({ kind: 'metadata', path: path.value });
  }
  // A key that is wrong has a message of its own.
  return !path.ok && text.endsWith("']") ? path : faulty([{ field, message: RULE }]);
}

/** The inverse of `parseEnvField`. */
export function formatEnvField(field: EnvField): string {
  if (field.kind === 'metadata') return formatFieldPath(field.path);
  return Object.entries(POD_FIELDS).find(([, name]) => name === field.field)?.[0] ?? '';
}

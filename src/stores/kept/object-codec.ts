import * as z from 'zod';
import { LanternError } from '../../base/errors.ts';
import type { StoredObject } from '../../objects/object.ts';

/** Maps keep their order, so they are stored as lists of pairs. Bytes are base64. */
const texts = z.array(z.tuple([z.string(), z.string()])).transform((pairs) => new Map(pairs));
const binaries = z
  .array(z.tuple([z.string(), z.base64()]))
  .transform((pairs) => new Map(pairs.map(([key, text]) => [key, new Uint8Array(Buffer.from(text, 'base64'))])));

const metadata = z.object({
  name: z.string(),
  namespace: z.string(),
  labels: texts,
  annotations: texts,
  uid: z.string(),
  resourceVersion: z.string(),
  creationTimestamp: z.string(),
});

/** Omitted if empty, as in versions without records. */
const applied = z
  .array(z.string())
  .optional()
  .transform((names) => names && new Set(names));

const common = { metadata, applied };

const credentialSource = z.object({
  kind: z.enum(['Secret', 'ConfigMap']),
  name: z.string(),
  key: z.string(),
  optional: z.boolean(),
});

const objectSchema = z.discriminatedUnion('kind', [
  z.object({ ...common, kind: z.literal('Secret'), type: z.string(), data: binaries, immutable: z.boolean() }),
  z.object({ ...common, kind: z.literal('ConfigMap'), data: texts, binaryData: binaries, immutable: z.boolean() }),
  z.object({
    ...common,
    kind: z.literal('ServiceAccount'),
    secrets: z.array(z.string()),
    imagePullSecrets: z.array(z.string()),
    automountServiceAccountToken: z
      .boolean()
      .nullable()
      .transform((value) => value ?? undefined),
  }),
  z.object({ ...common, kind: z.literal('ProjectedVolume'), spec: z.unknown() }),
  z.object({
    ...common,
    kind: z.literal('UnitCredentials'),
    units: z.array(z.string()),
    credentials: z.array(z.object({ name: z.string(), source: credentialSource })),
  }),
]);

/** The bytes are to be sealed: they contain values in clear. */
export function encodeObject(object: StoredObject): Buffer {
  const { labels, annotations, ...rest } = object.metadata;
  const meta = { ...rest, labels: [...labels], annotations: [...annotations] };
  const applied = object.applied && [...object.applied];
  return Buffer.from(JSON.stringify({ ...bodyOf(object), metadata: meta, applied }));
}

/** The inverse of `encodeObject`. `data-loss` if decoding fails; `what` begins the message. */
export function decodeObject(bytes: Uint8Array, what: string): StoredObject {
  try {
    return objectSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    // The error quotes the object.
    throw new LanternError('data-loss', `${what}: it is of a format that this version does not know`);
  }
}

function bodyOf(object: StoredObject): Record<string, unknown> {
  switch (object.kind) {
    case 'Secret':
      return { ...object, data: base64Pairs(object.data) };
    case 'ConfigMap':
      return { ...object, data: [...object.data], binaryData: base64Pairs(object.binaryData) };
    case 'ServiceAccount':
      return { ...object, automountServiceAccountToken: object.automountServiceAccountToken ?? null };
    case 'ProjectedVolume':
    case 'UnitCredentials':
      return { ...object };
  }
}

function base64Pairs(values: ReadonlyMap<string, Uint8Array>): [string, string][] {
  return [...values].map(([key, value]) => [
    key,
    Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
  ]);
}

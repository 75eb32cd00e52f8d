import { z } from 'zod';
import { faulty, type Parsed, parseBy } from '../base/parsed.ts';
import { wrongType } from '../base/schema-issues.ts';
import { mapOf } from '../base/schemas.ts';
import { parseBase64 } from '../objects/base64.ts';
import type { HeldToken } from '../payload/render-payload.ts';
import { FORMAT_VERSION, parseJson } from './stored-json.ts';

/**
 * The secret bytes that came with a request: its own data and tokens. Kept as a 0600 file beside the record, on the
 * memory file system and never inside the published directory, so that a mixed volume can be rendered after a SIGKILL.
 */
export type RequestInputs = {
  readonly data: ReadonlyMap<string, Uint8Array>;
  /** By audience. */
  readonly tokens: ReadonlyMap<string, HeldToken>;
};

/** The inputs' file, bytes as base64: equal inputs in the same order give equal texts. */
export function serializeInputs(inputs: RequestInputs): string {
  const encoded = [...inputs.data].map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')] as const);
  return JSON.stringify({
    version: FORMAT_VERSION,
    data: Object.fromEntries(encoded),
    tokens: Object.fromEntries(inputs.tokens),
  });
}

/** The inverse of `serializeInputs`. Faults name keys and types, never values. */
export function parseInputs(text: string): Parsed<RequestInputs> {
  const json = parseJson(text);
  if (!json.ok) return json;
  const shape = parseBy(INPUTS, json.value);
  return shape.ok ? { ok: true, value: { data: shape.value.data, tokens: shape.value.tokens } } : shape;
}

const TOKEN = z.strictObject({ token: z.string(), expirationTimestamp: z.string() });

const INPUTS = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  data: mapOf<Uint8Array>((value) => {
    if (typeof value !== 'string') return faulty([{ field: '', message: wrongType('a string', value) }]);
    return parseBase64(value, '');
  }),
  tokens: mapOf((value) => parseBy(TOKEN, value)),
});

import { z } from 'zod';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
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

/**
 * A token that the daemon issued for a volume, kept so that it serves until it is due, also across a restart. The text
 * is SECRET. Times are milliseconds since 1970 UTC.
 */
export type KeptToken = {
  readonly token: string;
  readonly expiresAt: number;
  /** From when on a new one is wanted. */
  readonly renewAt: number;
  /** Whose token it is and for whom; it never stands in for one of another bearer. */
  readonly bearer: string;
  /** What else was asked for; once that differs, a new one is wanted. */
  readonly terms: string;
};

/** What the inputs' file holds: what came with the request, and what was issued in its stead, by audience. */
export type KeptInputs = RequestInputs & { readonly issued?: ReadonlyMap<string, KeptToken> };

/** The inputs' file, bytes as base64: equal inputs in the same order give equal texts. */
export function serializeInputs(inputs: KeptInputs): string {
  const encoded = [...inputs.data].map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')] as const);
  return JSON.stringify({
    version: FORMAT_VERSION,
    data: Object.fromEntries(encoded),
    tokens: Object.fromEntries(inputs.tokens),
    ...(inputs.issued?.size && { issued: Object.fromEntries(inputs.issued) }),
  });
}

/** The inverse of `serializeInputs`. Faults name keys and types, never values. */
export function parseInputs(text: string): Parsed<KeptInputs> {
  const json = parseJson(text);
  if (!json.ok) return json;
  const shape = parseBy(INPUTS, json.value);
  if (!shape.ok) return shape;
  const { data, tokens, issued } = shape.value;
  return parsed({ data, tokens, ...(issued.size > 0 && { issued }) });
}

const TOKEN = z.strictObject({ token: z.string(), expirationTimestamp: z.string() });

const KEPT_TOKEN = z.strictObject({
  token: z.string(),
  expiresAt: z.number(),
  renewAt: z.number(),
  bearer: z.string(),
  terms: z.string(),
});

const INPUTS = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  data: mapOf<Uint8Array>((value) => {
    if (typeof value !== 'string') return faulty([{ field: '', message: wrongType('a string', value) }]);
    return parseBase64(value, '');
  }),
  tokens: mapOf((value) => parseBy(TOKEN, value)),
  issued: mapOf((value) => parseBy(KEPT_TOKEN, value)),
});

import { z } from 'zod';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { mapOf } from '../base/schemas.ts';
import { parseBoundedJson } from '../objects/bounded-json.ts';
import type { HeldToken } from '../payload/render-inputs.ts';
import { contextField, HOST_KEYS } from './csi-keys.ts';
import { TOKENS_LIMITS } from './limits.ts';

type Texts = ReadonlyMap<string, string>;

const TOKENS = mapOf<HeldToken>((value) =>
  parseBy(z.object({ token: z.string().min(1), expirationTimestamp: z.string() }), value),
);

const SHAPE = 'must be JSON of the form {"<audience>": {"token": "…", "expirationTimestamp": "…"}}';

/**
 * The service account's tokens by audience; none where the host sent none. Newer kubelets put them into `secrets`,
 * older ones into volume_context. The one fault says no more than where: whatever is there may be a token.
 */
export function parseTokens(secrets: Texts, context: Texts): Parsed<ReadonlyMap<string, HeldToken>> {
  const fromSecrets = secrets.get(HOST_KEYS.tokens);
  const text = fromSecrets ?? context.get(HOST_KEYS.tokens);
  if (text === undefined) return parsed(new Map());
  const tokens = parseJsonTokens(text);
  if (tokens.ok) return tokens;
  const field = fromSecrets === undefined ? contextField(HOST_KEYS.tokens) : `secrets[${HOST_KEYS.tokens}]`;
  return faulty([{ field, message: SHAPE }]);
}

function parseJsonTokens(text: string): Parsed<ReadonlyMap<string, HeldToken>> {
  const json = parseBoundedJson(text, TOKENS_LIMITS);
  return json.ok ? parseBy(TOKENS, json.value) : json;
}

import { createECDH } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import { faulty, type Parsed, parseBy, parsed } from '../base/parsed.ts';

/** What tokens are signed with (RFC 7518, 3.4). */
export const ALGORITHM = 'ES256';
const CURVE = 'P-256';
/** OpenSSL's name for it. */
const CURVE_OF_OPENSSL = 'prime256v1';

/** A key begins with tokens of up to a day; longer ones are noted before the first is signed (`covering`). */
const FIRST_LONGEST_SECONDS = 86_400;
/** How long another daemon on the same store may go on signing before it has heard that its key is retired. */
const LAG_SECONDS = 3_600;

/** How many keys are remembered after their time, newest first: an old archive shall not have one of them sign again. */
const MAX_REMEMBERED = 100;

/** 32 bytes in base64url. */
const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url');
const publicKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal(CURVE),
  x: coordinate,
  y: coordinate,
  kid: coordinate,
});
const privateKey = publicKey.extend({ d: coordinate });
const seconds = z.int().nonnegative();
const keySet = z.strictObject({
  signing: privateKey,
  longestSeconds: seconds,
  retired: z.array(z.strictObject({ key: publicKey, untilSeconds: seconds })),
});

type PublicKey = z.infer<typeof publicKey>;
/** The member `d` is SECRET. */
export type PrivateKey = z.infer<typeof privateKey>;

/** One key that signs, and those before it, of which only the public half is left. */
export type SigningKeySet = {
  /** SECRET. */
  readonly signing: PrivateKey;
  /** No token that the signing key has signed, or may sign, lives longer. */
  readonly longestSeconds: number;
  /**
   * They verify until then, in seconds since 1970: the last token they signed has expired. After that a key verifies
   * nothing, and is kept to be known.
   */
  readonly retired: readonly { readonly key: PublicKey; readonly untilSeconds: number }[];
};

/** A JSON Web Key Set (RFC 7517) with public members only. */
export type PublicKeySet = { readonly keys: readonly (PublicKey & { readonly use: 'sig'; readonly alg: 'ES256' })[] };

/** A set with one new key. */
export async function newKeySet(): Promise<SigningKeySet> {
  return { signing: await newKey(), longestSeconds: FIRST_LONGEST_SECONDS, retired: [] };
}

/** A new key signs; the one before goes on verifying while a token of it may live. */
export async function rotated(set: SigningKeySet, now: number): Promise<SigningKeySet> {
  return { signing: await newKey(), longestSeconds: FIRST_LONGEST_SECONDS, retired: retiredBy(set, now) };
}

/** What goes on verifying of a set when another key than its own signs from `now` on. */
export function retiredBy(set: SigningKeySet, now: number): SigningKeySet['retired'] {
  const { d: _, ...key } = set.signing;
  const untilSeconds = Math.ceil(now / 1000) + set.longestSeconds + LAG_SECONDS;
  const over = set.retired.filter((each) => !isNeeded(each, now)).slice(0, MAX_REMEMBERED);
  return [{ key, untilSeconds }, ...stillNeeded(set, now), ...over];
}

/** The set with the note that a token may live this long; the very same set where it says so already. */
export function covering(set: SigningKeySet, lifetimeSeconds: number): SigningKeySet {
  return set.longestSeconds >= lifetimeSeconds ? set : { ...set, longestSeconds: lifetimeSeconds };
}

/** What verifies at `now` (milliseconds since 1970): the signing key first. */
export function publicKeys(set: SigningKeySet, now: number): PublicKeySet {
  const { d: _, ...signing } = set.signing;
  const keys = [signing, ...stillNeeded(set, now).map(({ key }) => key)];
  return { keys: keys.map((key) => ({ ...key, use: 'sig', alg: ALGORITHM })) };
}

export function encodeKeySet(set: SigningKeySet): Uint8Array {
  return Buffer.from(JSON.stringify(set));
}

/** The inverse of `encodeKeySet`, wary of what hands or disks may have done. Faults name members, never their values. */
export async function parseKeySet(bytes: Uint8Array): Promise<Parsed<SigningKeySet>> {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    // The parser's message quotes the keys.
    return faulty([{ field: '', message: 'is no JSON' }]);
  }
  const set = parseBy(keySet, json);
  if (!set.ok) return set;
  const { signing, retired } = set.value;
  if (!hasItsPublicHalf(signing)) {
    return faulty([{ field: 'signing', message: 'its private and its public half do not belong together' }]);
  }
  for (const key of [signing, ...retired.map((each) => each.key)]) {
    if (key.kid !== (await thumbprint(key))) {
      return faulty([{ field: 'kid', message: 'is not the thumbprint of its key' }]);
    }
  }
  return parsed(set.value);
}

async function newKey(): Promise<PrivateKey> {
  const { privateKey: key } = await generateKeyPair(ALGORITHM, { extractable: true });
  const { x = '', y = '', d = '' } = await exportJWK(key);
  const bare = { kty: 'EC', crv: CURVE, x, y } as const;
  return { ...bare, d, kid: await thumbprint(bare) };
}

/** RFC 7638. */
async function thumbprint({ x, y }: Pick<PublicKey, 'x' | 'y'>): Promise<string> {
  return await calculateJwkThumbprint({ kty: 'EC', crv: CURVE, x, y });
}

/** Importing a key does not check that; its tokens would verify nowhere. */
function hasItsPublicHalf({ d, x, y }: PrivateKey): boolean {
  const [secret, ...point] = [d, x, y].map((text) => Buffer.from(text, 'base64url'));
  try {
    const curve = createECDH(CURVE_OF_OPENSSL);
    curve.setPrivateKey(secret ?? Buffer.of());
    // 4: an uncompressed point.
    return curve.getPublicKey().equals(Buffer.concat([Buffer.of(4), ...point]));
  } catch {
    return false;
  }
}

function stillNeeded({ retired }: SigningKeySet, now: number): SigningKeySet['retired'] {
  return retired.filter((each) => isNeeded(each, now));
}

function isNeeded({ untilSeconds }: SigningKeySet['retired'][number], now: number): boolean {
  return untilSeconds * 1000 > now;
}

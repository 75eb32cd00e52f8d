import { createECDH } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose';
import * as z from 'zod';
import type { Clock } from '../base/clock.ts';
import { hasCode, LanternError } from '../base/errors.ts';
import { faulty, orThrow, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { describeRef, type ObjectDraft, SIGNING_KEYS, type StoredObject } from '../objects/object.ts';
import { admitObject } from '../spec/admit-object.ts';
import type { Store } from '../stores/store.ts';

const SECRET_TYPE = 'lantern.dev/signing-keys';
export const SIGNING_KEYS_DATA = 'keys.json';

/** The signature algorithm (RFC 7518, 3.4). */
export const ALGORITHM = 'ES256';
const CURVE = 'P-256';
/** OpenSSL's name for P-256. */
const CURVE_OF_OPENSSL = 'prime256v1';

/** A new key signs tokens of up to a day. A longer lifetime is stored before the first such token (`covering`). */
const FIRST_LONGEST_SECONDS = 86_400;
/** How long another daemon on the same store may sign with a retired key before it sees the rotation. */
const LAG_SECONDS = 3_600;

/** Number of expired keys to remember, newest first, so that an old archive does not make one of them sign again. */
const MAX_REMEMBERED = 100;

/** Another daemon may write in between, but not this often in a row. */
const MAX_ATTEMPTS = 10;

export type LoadedKeys = {
  /** SECRET. */
  readonly set: SigningKeySet;
  /** Not extractable. */
  readonly privateKey: CryptoKey;
};

/** `object` is the version to replace. */
type Found = LoadedKeys & { readonly object: StoredObject };

/**
 * The keys that sign tokens, in a Secret of the store, which is created if missing. They are cached while the Secret
 * does not change, and followed: a change by another daemon on the same store takes effect at once.
 *
 * Errors of every method: those of the store, and `data-loss` if the Secret holds something else.
 */
export class SigningKeys implements Disposable {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #following: Disposable | undefined;
  #loaded: LoadedKeys | undefined;
  #changes = 0;

  constructor({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  async current(signal: AbortSignal): Promise<LoadedKeys> {
    if (this.#loaded !== undefined) return this.#loaded;
    this.#follow();
    const before = this.#changes;
    const keys = await this.#read(signal);
    if (this.#changes === before) this.#loaded = keys;
    return keys;
  }

  /** Returns keys for tokens of this lifetime. The lifetime is stored first, so that no key is dropped too early. */
  async covering(lifetimeSeconds: number, signal: AbortSignal): Promise<LoadedKeys> {
    const keys = await this.current(signal);
    if (keys.set.longestSeconds >= lifetimeSeconds) return keys;
    return await this.#change((set) => covering(set, lifetimeSeconds), signal);
  }

  /** Another number after each change of the keys that became known. */
  get changes(): number {
    return this.#changes;
  }

  async rotate(signal: AbortSignal): Promise<LoadedKeys> {
    return await this.#change((set) => rotated(set, this.#clock.now()), signal);
  }

  /** Makes the next use read the keys again, for a caller that learns of a change before the store reports it. */
  forget(): void {
    this.#changes++;
    this.#loaded = undefined;
  }

  /** Calls `listener` after every change of the keys until disposed; it must return at once. */
  onChange(listener: () => void): Disposable {
    this.#follow();
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#following?.[Symbol.dispose]();
    this.#following = undefined;
    this.forget();
  }

  #follow(): void {
    this.#following ??= this.#store.follow(SIGNING_KEYS, () => {
      this.forget();
      for (const listener of [...this.#listeners]) listener();
    });
  }

  async #change(
    next: (set: SigningKeySet) => SigningKeySet | Promise<SigningKeySet>,
    signal: AbortSignal,
  ): Promise<LoadedKeys> {
    for (let attempt = 1; ; attempt++) {
      const { object, set } = await this.#read(signal);
      const { labels, annotations, resourceVersion } = object.metadata;
      try {
        return await this.#write(await next(set), { labels, annotations, resourceVersion }, signal);
      } catch (error) {
        if (!hasCode(error, 'aborted') || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #read(signal: AbortSignal): Promise<Found> {
    const object = await this.#store.get(SIGNING_KEYS, signal);
    if (object !== undefined) return await load(object);
    try {
      const set = { signing: await newKey(), longestSeconds: FIRST_LONGEST_SECONDS, retired: [] };
      return await this.#write(set, undefined, signal);
    } catch (error) {
      // Another daemon was first; its keys are used.
      if (!hasCode(error, 'already-exists')) throw error;
      return await this.#read(signal);
    }
  }

  /** Creates the Secret if `replaced` is undefined. */
  async #write(
    set: SigningKeySet,
    replaced: Pick<StoredObject['metadata'], 'labels' | 'annotations' | 'resourceVersion'> | undefined,
    signal: AbortSignal,
  ): Promise<Found> {
    const { namespace, name } = SIGNING_KEYS;
    const metadata = replaced ?? { labels: new Map(), annotations: new Map() };
    const draft: ObjectDraft = {
      kind: 'Secret',
      metadata: { namespace, name, ...metadata },
      type: SECRET_TYPE,
      data: new Map([[SIGNING_KEYS_DATA, encodeKeySet(set)]]),
      immutable: false,
    };
    const options = { createOnly: replaced === undefined, dryRun: false };
    const { object } = await this.#store.apply(orThrow(admitObject(draft)), options, signal);
    return await load(object);
  }
}

async function load(object: StoredObject): Promise<Found> {
  if (object.kind !== 'Secret' || object.type !== SECRET_TYPE) throw damaged(`its type is not ${SECRET_TYPE}`);
  const bytes = object.data.get(SIGNING_KEYS_DATA);
  if (bytes === undefined) throw damaged(`${SIGNING_KEYS_DATA} is missing`);
  const set = await parseKeySet(bytes);
  if (!set.ok) {
    throw damaged(
      set.faults.map(({ field, message }) => [SIGNING_KEYS_DATA, field, message].filter(Boolean).join(': ')).join('; '),
    );
  }
  const privateKey = await importJWK(set.value.signing, ALGORITHM);
  if (privateKey instanceof Uint8Array) throw damaged('it holds no key');
  return { object, set: set.value, privateKey };
}

function damaged(problem: string): LanternError {
  return new LanternError(
    'data-loss',
    `read the signing keys in ${describeRef(SIGNING_KEYS)}: ${problem}; restore it from a backup, or delete it to begin ` +
      'with a new key, which ends every token signed so far',
  );
}

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
type PrivateKey = z.infer<typeof privateKey>;

/** The signing key and its predecessors, of which only the public half is kept. */
export type SigningKeySet = {
  /** SECRET. */
  readonly signing: PrivateKey;
  /** An upper bound for the lifetime of every token that the signing key signs. */
  readonly longestSeconds: number;
  /** Each key verifies until `untilSeconds` (since 1970), when its last token expires; later it is only remembered. */
  readonly retired: readonly { readonly key: PublicKey; readonly untilSeconds: number }[];
};

/** A JSON Web Key Set (RFC 7517) with public members only. */
export type PublicKeySet = { readonly keys: readonly (PublicKey & { readonly use: 'sig'; readonly alg: 'ES256' })[] };

/** The previous key verifies as long as one of its tokens may live. */
async function rotated(set: SigningKeySet, now: number): Promise<SigningKeySet> {
  return { signing: await newKey(), longestSeconds: FIRST_LONGEST_SECONDS, retired: retiredBy(set, now) };
}

/** The retired keys of the set once another key signs from `now` on. */
export function retiredBy(set: SigningKeySet, now: number): SigningKeySet['retired'] {
  const { d: _, ...key } = set.signing;
  const untilSeconds = Math.ceil(now / 1000) + set.longestSeconds + LAG_SECONDS;
  const over = set.retired.filter((each) => !isNeeded(each, now)).slice(0, MAX_REMEMBERED);
  return [{ key, untilSeconds }, ...stillNeeded(set, now), ...over];
}

/** Returns the same set if it already covers the lifetime. */
function covering(set: SigningKeySet, lifetimeSeconds: number): SigningKeySet {
  return set.longestSeconds >= lifetimeSeconds ? set : { ...set, longestSeconds: lifetimeSeconds };
}

/** The keys that verify at `now` (milliseconds since 1970), the signing key first. */
export function publicKeys(set: SigningKeySet, now: number): PublicKeySet {
  const { d: _, ...signing } = set.signing;
  const keys = [signing, ...stillNeeded(set, now).map(({ key }) => key)];
  return { keys: keys.map((key) => ({ ...key, use: 'sig', alg: ALGORITHM })) };
}

export function encodeKeySet(set: SigningKeySet): Uint8Array {
  return Buffer.from(JSON.stringify(set));
}

/** The inverse of `encodeKeySet`, for possibly edited or damaged text. Faults name members, never their values. */
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

/** Importing a key does not check this; tokens of a mixed key would verify nowhere. */
function hasItsPublicHalf({ d, x, y }: PrivateKey): boolean {
  const [secret, ...point] = [d, x, y].map((text) => Buffer.from(text, 'base64url'));
  try {
    const curve = createECDH(CURVE_OF_OPENSSL);
    curve.setPrivateKey(secret ?? Buffer.of());
    // 4 marks an uncompressed point.
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

import { isDeepStrictEqual } from 'node:util';
import {
  type ObjectRef,
  refKey,
  refOf,
  SIGNING_KEYS,
  type StoredObject,
  type StoredSecret,
} from '../../objects/object.ts';
import { SERVICE_ACCOUNT_UID_ANNOTATION } from '../../objects/secret-types.ts';
import {
  encodeKeySet,
  parseKeySet,
  retiredBy,
  SIGNING_KEYS_DATA,
  type SigningKeySet,
} from '../../tokens/signing-keys.ts';
import { accountNameOf, holdsTokenOf, isTokenSecret, NAMESPACE, ROOT_CA, TOKEN } from '../../tokens/token-secrets.ts';

/** The import must merge such an object with the stored one, because the daemon maintains parts of it. */
export function isKeptByDaemon(object: StoredObject): boolean {
  return isSigningKeys(refOf(object)) || isTokenSecret(object);
}

type Move = {
  /** Its revision, uid and time are not used. */
  readonly object: StoredObject;
  /** True if it contains everything of the stored object, so that storing it loses nothing. */
  readonly isMerged: boolean;
};

/**
 * Adapts an object of another store. A token Secret loses the uid of its account: the daemon would take the other
 * store's account for deleted, and delete the Secret. Values that the daemon has filled in since stay, so that a
 * repeated import changes nothing. The daemon may replace the tokens of `keyIds`.
 */
export async function moveOf(
  object: StoredObject,
  current: StoredObject | undefined,
  { keyIds, now }: { readonly keyIds: readonly string[]; readonly now: number },
): Promise<Move> {
  if (isSigningKeys(refOf(object)) && current !== undefined) {
    const merged = await mergedSigningKeys(object, current, now);
    return { object: merged ?? object, isMerged: merged !== undefined };
  }
  if (!isTokenSecret(object)) return { object, isMerged: false };
  return { object: tokenSecretHere(object, current, keyIds), isMerged: false };
}

function tokenSecretHere(
  object: StoredSecret,
  current: StoredObject | undefined,
  keyIds: readonly string[],
): StoredSecret {
  const annotations = new Map(object.metadata.annotations);
  annotations.delete(SERVICE_ACCOUNT_UID_ANNOTATION);
  const here: StoredSecret = { ...object, metadata: { ...object.metadata, annotations } };
  if (!isTokenSecret(current) || !isSameAccount(object, current)) return here;
  const mark = current.metadata.annotations.get(SERVICE_ACCOUNT_UID_ANNOTATION);
  if (mark !== undefined) annotations.set(SERVICE_ACCOUNT_UID_ANNOTATION, mark);
  const isDaemons = !object.data.get(TOKEN)?.byteLength || holdsTokenOf(keyIds, object);
  const isFilled = isDaemons && holdsTokenOf(keyIds, current);
  const filledIn = [TOKEN, NAMESPACE, ROOT_CA].flatMap((key): [string, Uint8Array][] => {
    const value = current.data.get(key);
    return value !== undefined && (isFilled || !object.data.has(key)) ? [[key, value]] : [];
  });
  return { ...here, data: new Map([...object.data, ...filledIn]) };
}

function isSameAccount(a: StoredSecret, b: StoredSecret): boolean {
  return refKey(refOf(a)) === refKey(refOf(b)) && accountNameOf(a) === accountNameOf(b);
}

export function isSigningKeys(ref: ObjectRef): boolean {
  return refKey(ref) === refKey(SIGNING_KEYS);
}

/** Undefined if the object is not a valid key set. */
export async function keySetIn(object: StoredObject | undefined): Promise<SigningKeySet | undefined> {
  const bytes = object?.kind === 'Secret' ? object.data.get(SIGNING_KEYS_DATA) : undefined;
  if (bytes === undefined) return undefined;
  const set = await parseKeySet(bytes);
  return set.ok ? set.value : undefined;
}

/** Includes retired keys. */
export function keyIdsOf(set: SigningKeySet | undefined): string[] {
  return set === undefined ? [] : [set.signing.kid, ...set.retired.map(({ key }) => key.kid)];
}

/**
 * Keeps the tokens of both stores valid: the imported key signs from now on, and the stored one is retired as by a
 * rotation. Returns `current` if it has all keys already; undefined if one of the two is not a valid key set.
 */
async function mergedSigningKeys(
  moved: StoredObject,
  current: StoredObject,
  now: number,
): Promise<StoredObject | undefined> {
  const [coming, here] = [await keySetIn(moved), await keySetIn(current)];
  if (coming === undefined || here === undefined || current.kind !== 'Secret') return undefined;
  const set = merged(coming, here, now);
  if (isDeepStrictEqual(set, here)) return current;
  return { ...current, data: new Map(current.data).set(SIGNING_KEYS_DATA, encodeKeySet(set)) };
}

function merged(coming: SigningKeySet, here: SigningKeySet, now: number): SigningKeySet {
  const isSame = coming.signing.kid === here.signing.kid;
  if (isSame) {
    const longestSeconds = Math.max(coming.longestSeconds, here.longestSeconds);
    return { ...here, longestSeconds, retired: joined(here, coming.retired) };
  }
  const isKnown = keyIdsOf(here).includes(coming.signing.kid);
  const retired = isKnown ? joined(here, coming.retired) : joined(coming, retiredBy(here, now));
  return { ...(isKnown ? here : coming), retired };
}

/** The later time counts. Expired keys stay. */
function joined(set: SigningKeySet, others: SigningKeySet['retired']): SigningKeySet['retired'] {
  const needed = others.filter(({ key }) => key.kid !== set.signing.kid);
  const byId = new Map(set.retired.map((each) => [each.key.kid, each]));
  for (const each of needed) {
    const known = byId.get(each.key.kid);
    if (known === undefined || known.untilSeconds < each.untilSeconds) byId.set(each.key.kid, each);
  }
  return [...byId.values()];
}

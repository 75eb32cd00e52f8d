import { isDeepStrictEqual } from 'node:util';
import { type ObjectRef, refKey, type StoredObject } from '../objects/object.ts';
import { encodeKeySet, parseKeySet, retiredBy, type SigningKeySet } from './signing-key-set.ts';
import { SIGNING_KEYS, SIGNING_KEYS_DATA } from './signing-keys.ts';

export function isSigningKeys(ref: ObjectRef): boolean {
  return refKey(ref) === refKey(SIGNING_KEYS);
}

/** The key set that the object holds; undefined where it holds something else. */
export async function keySetIn(object: StoredObject | undefined): Promise<SigningKeySet | undefined> {
  const bytes = object?.kind === 'Secret' ? object.data.get(SIGNING_KEYS_DATA) : undefined;
  if (bytes === undefined) return undefined;
  const set = await parseKeySet(bytes);
  return set.ok ? set.value : undefined;
}

/** The ids of all keys of a set, whether they sign or only verify. */
export function keyIdsOf(set: SigningKeySet | undefined): string[] {
  return set === undefined ? [] : [set.signing.kid, ...set.retired.map(({ key }) => key.kid)];
}

/**
 * The Secret of signing keys that verifies what either store has signed: the one that comes signs from now on, the one
 * that was here verifies as after a rotation. The current one itself when it knows all of those keys already. Undefined
 * where one of the two holds no keys: then they are objects like others.
 */
export async function mergedSigningKeys(
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

/** The retired keys of a set and others, each for as long as either says. Those whose time is over stay known. */
function joined(set: SigningKeySet, others: SigningKeySet['retired']): SigningKeySet['retired'] {
  const needed = others.filter(({ key }) => key.kid !== set.signing.kid);
  const byId = new Map(set.retired.map((each) => [each.key.kid, each]));
  for (const each of needed) {
    const known = byId.get(each.key.kid);
    if (known === undefined || known.untilSeconds < each.untilSeconds) byId.set(each.key.kid, each);
  }
  return [...byId.values()];
}

import { refKey, refOf, type StoredObject, type StoredSecret } from '../objects/object.ts';
import { SERVICE_ACCOUNT_UID_ANNOTATION } from '../objects/secret-types.ts';
import { isSigningKeys, mergedSigningKeys } from './moved-signing-keys.ts';
import { accountNameOf, holdsTokenOf, isTokenSecret, NAMESPACE, ROOT_CA, TOKEN } from './token-secret.ts';

/**
 * Whether what becomes of an object from another store hangs on what is stored here: the daemon has its own part in it.
 */
export function isKeptByDaemon(object: StoredObject): boolean {
  return isSigningKeys(refOf(object)) || isTokenSecret(object);
}

/** What is to be stored. */
export type Move = {
  /** What to store; its revision, uid and time mean nothing here. */
  readonly object: StoredObject;
  /** Whether it holds all that the current one does, so that storing it takes nothing away. */
  readonly isMerged: boolean;
};

/**
 * What an object from another store should be here. Signing keys are joined with those that are there. A token Secret
 * loses the mark of the account it was filled for, whose uid was the other store's: with it, the daemon would take its
 * account for gone, and delete it. What the daemon has filled in since stays, so that a repeat changes nothing.
 * `keyIds` are the keys whose tokens are the daemon's to replace.
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

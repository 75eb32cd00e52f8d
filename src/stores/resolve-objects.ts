import { LanternError } from '../base/errors.ts';
import { DEFAULT_ACCOUNT, defaultAccountOf } from '../objects/default-account.ts';
import { describeRef, refKey, SIGNING_KEYS, type StoredObject, type StoredServiceAccount } from '../objects/object.ts';
import type { NeededObject } from '../spec/object-refs.ts';
import type { Source } from './store.ts';

/**
 * Reads every object once, at the newest state known, and answers by `refKey`. One that does not exist is absent from
 * the answer; whether that is forgiven (`optional`) is for the rendering to say. An object that cannot be read fails
 * the whole, also when it is optional: unknown is not absent. `permission-denied` for the daemon's signing keys, which are
 * nobody's to have as files or variables: whoever may run a pod in their namespace could sign tokens.
 */
export async function resolveObjects(
  source: Source,
  refs: readonly NeededObject[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredObject>> {
  const byKey = new Map(refs.map(({ ref }) => [refKey(ref), ref]));
  if (byKey.has(refKey(SIGNING_KEYS))) {
    throw new LanternError(
      'permission-denied',
      `read ${describeRef(SIGNING_KEYS)}: it holds the keys that sign tokens and is never projected; name another Secret`,
    );
  }
  const read = await Promise.all([...byKey].map(async ([key, ref]) => [key, await source.get(ref, signal)] as const));
  return new Map(read.filter((entry): entry is [string, StoredObject] => entry[1] !== undefined));
}

/** A service account as it is now; `default` exists always. Undefined when it does not exist. Errors as `Source.get`. */
export async function resolveAccount(
  source: Source,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<StoredServiceAccount | undefined> {
  return accountOf({ namespace, name }, await source.get({ kind: 'ServiceAccount', namespace, name }, signal));
}

/** The same of what a read of the account found. */
export function accountOf(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  found: StoredObject | undefined,
): StoredServiceAccount | undefined {
  if (found?.kind === 'ServiceAccount') return found;
  return name === DEFAULT_ACCOUNT ? defaultAccountOf(namespace) : undefined;
}

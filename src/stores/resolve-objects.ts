import { LanternError } from '../base/errors.ts';
import { DEFAULT_ACCOUNT, defaultAccountOf } from '../objects/default-account.ts';
import {
  describeRef,
  type ObjectRef,
  refKey,
  refOf,
  SIGNING_KEYS,
  type StoredObject,
  type StoredServiceAccount,
} from '../objects/object.ts';
import type { NeededObject } from '../spec/object-refs.ts';
import type { Source } from './store.ts';

/**
 * The newest state of each object by `refKey`, read once each. An object that does not exist is absent; rendering
 * decides whether that is allowed (`optional`). One that cannot be read fails the whole, even an optional one: unknown
 * is not absent. `permission-denied` for the daemon's signing keys: whoever may run a pod in their namespace could sign
 * tokens with them.
 */
export async function resolveObjects(
  source: Source,
  needed: readonly NeededObject[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredObject>> {
  const refs = new Map<string, ObjectRef>();
  for (const { ref } of needed) refs.set(refKey(ref), ref);
  if (refs.has(refKey(SIGNING_KEYS))) {
    throw new LanternError(
      'permission-denied',
      `read ${describeRef(SIGNING_KEYS)}: it holds the keys that sign tokens and is never projected; name another Secret`,
    );
  }
  const objects = await Promise.all(Array.from(refs.values(), (ref) => source.get(ref, signal)));
  const found = new Map<string, StoredObject>();
  for (const object of objects) if (object !== undefined) found.set(refKey(refOf(object)), object);
  return found;
}

/** A service account as it is now; undefined if it does not exist. `default` always does. Errors as `Source.get`. */
export async function resolveAccount(
  source: Source,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<StoredServiceAccount | undefined> {
  return accountOf({ namespace, name }, await source.get({ kind: 'ServiceAccount', namespace, name }, signal));
}

/** As `resolveAccount`, of the object that a read has found. */
export function accountOf(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  found: StoredObject | undefined,
): StoredServiceAccount | undefined {
  if (found?.kind === 'ServiceAccount') return found;
  return name === DEFAULT_ACCOUNT ? defaultAccountOf(namespace) : undefined;
}

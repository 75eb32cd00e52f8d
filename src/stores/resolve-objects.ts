import { LanternError } from '../base/errors.ts';
import {
  DEFAULT_ACCOUNT,
  defaultAccountOf,
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
 * The newest state of each object by `refKey`, each read once. Missing objects are absent; rendering decides if that is
 * allowed (`optional`). A failed read fails all, even for an optional object: unknown is not absent.
 * `permission-denied` for the daemon's signing keys: a user who may run a pod in their namespace could sign tokens.
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

/** The current service account; undefined if it does not exist. `default` always does. Errors as `Source.get`. */
export async function resolveAccount(
  source: Source,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<StoredServiceAccount | undefined> {
  return accountOf({ namespace, name }, await source.get({ kind: 'ServiceAccount', namespace, name }, signal));
}

/** `resolveAccount` for an object that is already read. */
export function accountOf(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  found: StoredObject | undefined,
): StoredServiceAccount | undefined {
  if (found?.kind === 'ServiceAccount') return found;
  return name === DEFAULT_ACCOUNT ? defaultAccountOf(namespace) : undefined;
}

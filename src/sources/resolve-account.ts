import { DEFAULT_ACCOUNT, defaultAccountOf } from '../objects/default-account.ts';
import type { StoredObject, StoredServiceAccount } from '../objects/object.ts';
import type { Source } from './source.ts';

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

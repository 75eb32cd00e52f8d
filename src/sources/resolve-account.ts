import { DEFAULT_ACCOUNT, defaultAccountOf } from '../objects/default-account.ts';
import type { StoredServiceAccount } from '../objects/object.ts';
import type { Source } from './source.ts';

/** A service account as it is now; `default` exists always. Undefined when it does not exist. Errors as `Source.get`. */
export async function resolveAccount(
  source: Source,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<StoredServiceAccount | undefined> {
  const object = await source.get({ kind: 'ServiceAccount', namespace, name }, signal);
  if (object?.kind === 'ServiceAccount') return object;
  return name === DEFAULT_ACCOUNT ? defaultAccountOf(namespace) : undefined;
}

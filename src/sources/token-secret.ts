import { isDeepStrictEqual } from 'node:util';
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import type { StoredObject, StoredSecret, StoredServiceAccount } from '../objects/object.ts';
import {
  SERVICE_ACCOUNT_ANNOTATION,
  SERVICE_ACCOUNT_UID_ANNOTATION,
  TOKEN_SECRET_TYPE,
} from '../objects/secret-types.ts';

export const TOKEN = 'token';
export const NAMESPACE = 'namespace';
export const ROOT_CA = 'ca.crt';

export function isTokenSecret(object: StoredObject | undefined): object is StoredSecret {
  return object?.kind === 'Secret' && object.type === TOKEN_SECRET_TYPE;
}

/** The name of the account that a token Secret is for. */
export function accountNameOf(secret: StoredSecret): string {
  return secret.metadata.annotations.get(SERVICE_ACCOUNT_ANNOTATION) ?? '';
}

/** The uid of the account that it was filled for; undefined when it never was. */
export function filledFor(secret: StoredSecret): string | undefined {
  return secret.metadata.annotations.get(SERVICE_ACCOUNT_UID_ANNOTATION);
}

/** What a token Secret should hold. */
export type Filling = {
  readonly claims: JWTPayload & { readonly iss: string };
  /** Of the keys that verify; the first one's key signs. */
  readonly keyIds: readonly string[];
  /** PEM; undefined where none is configured. */
  readonly rootCa: Uint8Array | undefined;
  /**
   * Whether the issuer and the root certificate count even where there are others. Two daemons with different settings
   * on one store would write for ever otherwise: each has its way once, when it starts.
   */
  readonly settingsCount: boolean;
};

/** Whether it holds a token that one of these keys has signed. */
export function holdsTokenOf(keyIds: readonly string[], secret: StoredSecret): boolean {
  return keyIds.includes(tokenIn(secret)?.keyId ?? '');
}

/** Whether the token in it is missing, or is one of ours that should be replaced. A token of somebody else's stays. */
export function needsToken(secret: StoredSecret, { claims, keyIds, settingsCount }: Filling): boolean {
  if (!secret.data.get(TOKEN)?.byteLength) return true;
  const found = tokenIn(secret);
  if (found === undefined) return false;
  const isOurs = holdsTokenOf(keyIds, secret) || found.claims.iss === claims.iss;
  if (!isOurs) return false;
  const wanted = settingsCount ? claims : { ...claims, iss: found.claims.iss };
  return found.keyId !== keyIds[0] || !isDeepStrictEqual(found.claims, wanted);
}

/** The Secret as it should be; the token stays where none is given. */
export function filled(
  secret: StoredSecret,
  account: StoredServiceAccount,
  { rootCa, settingsCount }: Filling,
  token: string | undefined,
): StoredSecret {
  const data = new Map(secret.data);
  if (token !== undefined) data.set(TOKEN, Buffer.from(token));
  data.set(NAMESPACE, Buffer.from(secret.metadata.namespace));
  if (rootCa !== undefined && (settingsCount || !data.has(ROOT_CA))) data.set(ROOT_CA, rootCa);
  const annotations = new Map(secret.metadata.annotations).set(SERVICE_ACCOUNT_UID_ANNOTATION, account.metadata.uid);
  return { ...secret, data, metadata: { ...secret.metadata, annotations } };
}

/** What the token says, unverified; undefined where there is none, or something that is no token. */
function tokenIn({
  data,
}: StoredSecret): { readonly keyId: string | undefined; readonly claims: JWTPayload } | undefined {
  const token = Buffer.from(data.get(TOKEN) ?? '').toString('utf8');
  try {
    return { keyId: decodeProtectedHeader(token).kid, claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

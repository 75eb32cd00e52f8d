import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader, type JWTPayload, SignJWT } from 'jose';
import type { Clock } from '../base/clock.ts';
import { ALGORITHM, type LoadedKeys, type PublicKeySet, publicKeys, type SigningKeys } from './signing-keys.ts';

/** Signs tokens with the keys that are kept in the store. Errors of every method as those of `SigningKeys`. */
export class TokenSigner implements TokenIssuer {
  readonly issuer: string;
  readonly #keys: SigningKeys;
  readonly #clock: Clock;

  constructor({ keys, issuer, clock }: { readonly keys: SigningKeys; readonly issuer: string; readonly clock: Clock }) {
    this.#keys = keys;
    this.#clock = clock;
    this.issuer = issuer;
  }

  async issue(request: TokenRequest, signal: AbortSignal): Promise<IssuedToken> {
    const keys = await this.#keys.covering(request.expirationSeconds, signal);
    const claims = boundClaims(request, { issuer: this.issuer, issuedAt: Math.floor(this.#clock.now() / 1000) });
    return { token: await sign(claims, keys), issuedAt: claims.iat * 1000, expiresAt: claims.exp * 1000 };
  }

  async vouchesFor(token: string, signal: AbortSignal): Promise<boolean> {
    const keyId = keyIdOf(token);
    return keyId !== undefined && (await this.keyIds(signal)).includes(keyId);
  }

  /** A token without an end, SECRET: good for as long as its key is kept. */
  async issueLasting(claims: JWTPayload, signal: AbortSignal): Promise<string> {
    return await sign(claims, await this.#keys.current(signal));
  }

  /** The ids of the keys that verify; the first one's key signs. */
  async keyIds(signal: AbortSignal): Promise<readonly string[]> {
    return (await this.publicKeys(signal)).keys.map(({ kid }) => kid);
  }

  /** The keys that verify tokens; public. */
  async publicKeys(signal: AbortSignal): Promise<PublicKeySet> {
    return publicKeys((await this.#keys.current(signal)).set, this.#clock.now());
  }

  /** Signs with a new key from now on, and answers its id. */
  async rotate(signal: AbortSignal): Promise<string> {
    return (await this.#keys.rotate(signal)).set.signing.kid;
  }
}

/** Unverified; undefined if it is not a token. */
function keyIdOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}

async function sign(claims: JWTPayload, { set, privateKey }: LoadedKeys): Promise<string> {
  return await new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM, kid: set.signing.kid }).sign(privateKey);
}

/** Kubernetes' names for the claims of tokens that never expire. */
const LEGACY = 'kubernetes.io/serviceaccount/';

/** The user name of an account, as Kubernetes writes it. */
function subjectOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** The claims of Kubernetes' bound tokens; times in seconds since 1970. */
function boundClaims(request: TokenRequest, { issuer, issuedAt }: { issuer: string; issuedAt: number }) {
  const { account, audiences, expirationSeconds, pod } = request;
  const { namespace, name, uid } = account;
  return {
    iss: issuer,
    sub: subjectOf(account),
    aud: [...audiences],
    iat: issuedAt,
    nbf: issuedAt,
    exp: issuedAt + expirationSeconds,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace,
      ...(pod !== undefined && { pod: { name: pod.name, uid: pod.uid } }),
      serviceaccount: { name, uid },
    },
  };
}

/** The claims of the token in a Secret of an account: the same ones every time, without an end. */
export function lastingClaims(account: TokenRequest['account'], secretName: string, issuer: string) {
  return {
    iss: issuer,
    sub: subjectOf(account),
    [`${LEGACY}namespace`]: account.namespace,
    [`${LEGACY}secret.name`]: secretName,
    [`${LEGACY}service-account.name`]: account.name,
    [`${LEGACY}service-account.uid`]: account.uid,
  };
}

/** Who a token speaks for, to whom, and how long. */
export type TokenRequest = {
  readonly account: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Never empty. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The token says that it is this pod's; undefined for a token of the account alone. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
};

/** A signed token. The text is SECRET. */
export type IssuedToken = {
  readonly token: string;
  /** Milliseconds since 1970 UTC. */
  readonly issuedAt: number;
  readonly expiresAt: number;
};

/** Signs service account tokens. */
export interface TokenIssuer {
  /** The `iss` of every token, and the audience of those that ask for none. */
  readonly issuer: string;
  /** Errors: `data-loss` when the signing keys are damaged, `unavailable` when they cannot be read now. */
  issue(request: TokenRequest, signal: AbortSignal): Promise<IssuedToken>;
  /** True if a token that it issued can still be verified, that is, until its key is gone. Errors as for `issue`. */
  vouchesFor(token: string, signal: AbortSignal): Promise<boolean>;
}

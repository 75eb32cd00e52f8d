import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader, type JWTPayload, SignJWT } from 'jose';
import type { Clock } from '../base/clock.ts';
import { ALGORITHM, type LoadedKeys, type PublicKeySet, publicKeys, type SigningKeys } from './signing-keys.ts';

/** Signs tokens with the keys in the store. Errors of every method: those of `SigningKeys`. */
export class TokenSigner implements TokenIssuer {
  readonly issuer: string;
  readonly #keys: SigningKeys;
  readonly #clock: Clock;

  constructor({ keys, issuer, clock }: { readonly keys: SigningKeys; readonly issuer: string; readonly clock: Clock }) {
    this.#keys = keys;
    this.#clock = clock;
    this.issuer = issuer;
  }

  get keyChanges(): number {
    return this.#keys.changes;
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

  /** SECRET. The token never expires; it is valid as long as its key is kept. */
  async issueLasting(claims: JWTPayload, signal: AbortSignal): Promise<string> {
    return await sign(claims, await this.#keys.current(signal));
  }

  /** The ids of the keys that verify; the first one signs. */
  async keyIds(signal: AbortSignal): Promise<readonly string[]> {
    return (await this.publicKeys(signal)).keys.map(({ kid }) => kid);
  }

  async publicKeys(signal: AbortSignal): Promise<PublicKeySet> {
    return publicKeys((await this.#keys.current(signal)).set, this.#clock.now());
  }

  /** Returns the new key's id. */
  async rotate(signal: AbortSignal): Promise<string> {
    return (await this.#keys.rotate(signal)).set.signing.kid;
  }
}

/** Unverified; undefined if the token is malformed. */
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

/** Kubernetes' prefix for the claims of tokens that never expire. */
const LEGACY = 'kubernetes.io/serviceaccount/';

function subjectOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** The claims of Kubernetes' bound tokens. Times are seconds since 1970. */
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

/** The claims of the token in an account's Secret: never expiring, and the same every time. */
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

export type TokenRequest = {
  readonly account: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Never empty. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The pod that the token is bound to; undefined for a token of the account alone. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
};

/** `token` is SECRET. */
export type IssuedToken = {
  readonly token: string;
  /** Milliseconds since 1970 UTC. */
  readonly issuedAt: number;
  readonly expiresAt: number;
};

export interface TokenIssuer {
  /** The `iss` of every token, and the audience of requests without one. */
  readonly issuer: string;
  /** Another number whenever `vouchesFor` may give another answer, except that a token expired. */
  readonly keyChanges: number;
  /** Errors: `data-loss` if the signing keys are damaged, `unavailable` if they cannot be read now. */
  issue(request: TokenRequest, signal: AbortSignal): Promise<IssuedToken>;
  /** True as long as a token that this issuer signed can be verified, until its key is gone. Errors as for `issue`. */
  vouchesFor(token: string, signal: AbortSignal): Promise<boolean>;
}

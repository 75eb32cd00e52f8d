import { decodeProtectedHeader, type JWTPayload, SignJWT } from 'jose';
import type { Clock } from '../base/clock.ts';
import { ALGORITHM, type PublicKeySet, publicKeys } from './signing-key-set.ts';
import type { LoadedKeys, SigningKeys } from './signing-keys.ts';
import { boundClaims } from './token-claims.ts';
import type { IssuedToken, TokenIssuer, TokenRequest } from './token-issuer.ts';

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

  /** What tokens verify with, for everybody to read. */
  async publicKeys(signal: AbortSignal): Promise<PublicKeySet> {
    return publicKeys((await this.#keys.current(signal)).set, this.#clock.now());
  }

  /** Signs with a new key from now on, and answers its id. */
  async rotate(signal: AbortSignal): Promise<string> {
    return (await this.#keys.rotate(signal)).set.signing.kid;
  }
}

/** Unverified; undefined where it is no token. */
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

import { createLocalJWKSet, type JWTVerifyResult, jwtVerify } from 'jose';
import { DEFAULT_ACCOUNT, defaultAccountOf } from '../../../src/objects/object.ts';
import { MemoryStore } from '../../../src/stores/kept/memory-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { type PublicKeySet, SigningKeys } from '../../../src/tokens/signing-keys.ts';
import { type TokenRequest, TokenSigner } from '../../../src/tokens/token-signer.ts';
import { ManualClock } from '../suite/clocks.ts';

export const ISSUER = 'https://lantern.example';

/** One daemon's signer, on a store of its own or one that it shares with others. */
export class SigningWorld {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly signer: TokenSigner;

  constructor(shared: { clock?: ManualClock; store?: Store } = {}, issuer = ISSUER) {
    this.clock = shared.clock ?? new ManualClock();
    this.store = shared.store ?? new MemoryStore({ clock: this.clock });
    this.keys = new SigningKeys({ store: this.store, clock: this.clock });
    this.signer = new TokenSigner({ keys: this.keys, issuer, clock: this.clock });
  }
}

/** Verifies a token as a second party with the public keys and a clock does. Rejects if it would refuse the token. */
export async function verified(token: string, keys: PublicKeySet, now: number): Promise<JWTVerifyResult> {
  const set = createLocalJWKSet({ keys: keys.keys.map((key) => ({ ...key })) });
  return await jwtVerify(token, set, { currentDate: new Date(now), algorithms: ['ES256'] });
}

/** For the default account, an hour, nobody in particular. */
export function tokenRequest(overrides: Partial<TokenRequest> = {}): TokenRequest {
  const { uid, namespace } = defaultAccountOf('default').metadata;
  const account = { namespace, name: DEFAULT_ACCOUNT, uid };
  return { account, audiences: ['somebody'], expirationSeconds: 3_600, pod: undefined, ...overrides };
}

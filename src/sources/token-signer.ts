import type { Clock } from '../base/clock.ts';
import { LanternError } from '../base/errors.ts';
import type { Store } from './source.ts';
import type { IssuedToken, TokenIssuer, TokenRequest } from './token-issuer.ts';

/** Signs tokens with a key that is kept in the store. */
export class TokenSigner implements TokenIssuer {
  readonly issuer: string;
  readonly #store: Store;
  readonly #clock: Clock;

  constructor({ store, issuer, clock }: { readonly store: Store; readonly issuer: string; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
    this.issuer = issuer;
  }

  async issue(_request: TokenRequest, _signal: AbortSignal): Promise<IssuedToken> {
    throw new LanternError('unimplemented', `issue a token from ${this.#store.storeId} at ${this.#clock.now()}`);
  }
}

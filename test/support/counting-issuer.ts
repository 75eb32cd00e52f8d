import type { Clock } from '../../src/base/clock.ts';
import type { IssuedToken, TokenIssuer, TokenRequest } from '../../src/sources/token-issuer.ts';

/** Tokens that say how many there were before; `failure`, while set, is thrown instead. */
export class CountingIssuer implements TokenIssuer {
  readonly issuer = 'test';
  readonly requests: TokenRequest[] = [];
  failure: Error | undefined;
  /** Tokens whose key is gone. */
  readonly disowned = new Set<string>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async issue(request: TokenRequest): Promise<IssuedToken> {
    if (this.failure !== undefined) throw this.failure;
    this.requests.push(request);
    const issuedAt = this.#clock.now();
    const token = `token-${this.requests.length}`;
    return { token, issuedAt, expiresAt: issuedAt + request.expirationSeconds * 1000 };
  }

  async vouchesFor(token: string): Promise<boolean> {
    if (this.failure !== undefined) throw this.failure;
    return !this.disowned.has(token);
  }
}

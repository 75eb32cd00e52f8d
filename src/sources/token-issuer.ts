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
  /** Whether others can still verify a token that it issued: not once its key is gone. Errors as for `issue`. */
  vouchesFor(token: string, signal: AbortSignal): Promise<boolean>;
}

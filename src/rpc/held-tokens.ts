import type { HeldToken } from '../payload/render-inputs.ts';
import type { Token__Output as WireToken } from './generated/lantern/v1/Token.ts';

/** A request's tokens, by audience. */
export function heldTokensOf(wire: Readonly<Record<string, WireToken>>): ReadonlyMap<string, HeldToken> {
  return new Map(
    Object.entries(wire).map(([audience, { token, expirationTimestamp }]) => [
      audience,
      { token, expirationTimestamp },
    ]),
  );
}

import { LanternError } from '../base/errors.ts';
import type { HeldToken } from '../payload/render-inputs.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';

type Brought = ReadonlyMap<string, HeldToken>;

/** When the next of these tokens expires, in milliseconds since 1970; undefined where none does, or none says when. */
export function nextExpiryOf(brought: Brought, now: number): number | undefined {
  const coming = [...brought.values()].map(expiryOf).filter((expiry) => expiry > now);
  return coming.length === 0 ? undefined : Math.min(...coming);
}

/**
 * Why a volume is not well that shows tokens which its request brought, by audience: nobody but whoever brought one that
 * has expired can renew it. Undefined while all are good.
 */
export function expiryProblem(spec: VolumeSpec, brought: Brought, now: number): LanternError | undefined {
  if (brought.size === 0) return undefined;
  const shown = new Set(
    spec.sources.flatMap((source) => (source.kind === 'serviceAccountToken' ? source.audience : [])),
  );
  const expired = [...shown].flatMap((audience) => {
    const token = brought.get(audience);
    if (token === undefined || !(expiryOf(token) <= now)) return [];
    const whose = audience === '' ? 'the default audience' : `the audience "${audience}"`;
    return [`the token for ${whose} that the request brought expired at ${timeOf(token)}`];
  });
  if (expired.length === 0) return undefined;
  return new LanternError('failed-precondition', `${expired.join(', ')}; mount it again with a new one`);
}

/** NaN where it cannot be read. */
function expiryOf({ expirationTimestamp }: HeldToken): number {
  return Date.parse(expirationTimestamp);
}

/** In our own words: what the request says is text of any kind. */
function timeOf(token: HeldToken): string {
  return new Date(expiryOf(token)).toISOString().replace(/\.\d+Z$/, 'Z');
}

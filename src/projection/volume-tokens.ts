import { type Clock, withDeadline } from '../base/clock.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
import { describeRef, isDefaultAccount, type ObjectRef, refKey, type StoredObject } from '../objects/object.ts';
import type { HeldToken } from '../payload/payload.ts';
import { accountRefOf, type NeededObject } from '../spec/object-refs.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import { accountOf } from '../stores/resolve-objects.ts';
import type { TokenIssuer, TokenRequest } from '../tokens/token-signer.ts';
import type { KeptToken } from '../volume/record.ts';

const DAY_MS = 24 * 3600 * 1000;
/** The kubelet's rule: renew at 80 % of the lifetime, or after a day. */
const RENEW_AT = 0.8;
/** Up to this share earlier, so that what was mounted together is not renewed together. */
const JITTER = 0.05;
const ISSUE_DEADLINE_MS = 30_000;

/** The tokens a volume needs from the daemon's issuer. */
type TokensToIssue = {
  readonly issuer: TokenIssuer;
  /** The account they are for; optional if it exists without being stored. */
  readonly account: NeededObject;
  readonly pod: TokenRequest['pod'];
  /** Lifetime in seconds by audience as the spec names it; '' for the issuer's own. */
  readonly lifetimes: ReadonlyMap<string, number>;
};

/** `failure`: the reason why a token that is due could not be renewed. */
export type IssuedTokens = {
  /** By audience. */
  readonly tokens: ReadonlyMap<string, KeptToken>;
  readonly failure: LanternError | undefined;
  /** The issuer's, before it vouched for these tokens. */
  readonly keyChanges?: number;
};

export const NO_TOKENS: IssuedTokens = { tokens: new Map(), failure: undefined };

/**
 * Tokens the daemon must issue: those in the spec that the request did not supply. Sources of one audience share a
 * token with the shortest lifetime: early renewal does no harm. It is bound to the pod only if its uid is known.
 */
export function tokensToIssue(
  spec: VolumeSpec,
  { namespace, pod }: { readonly namespace: string; readonly pod: PodFacts | undefined },
  supplied: ReadonlyMap<string, HeldToken>,
  issuer: TokenIssuer | undefined,
): TokensToIssue | undefined {
  if (issuer === undefined) return undefined;
  const lifetimes = new Map<string, number>();
  for (const source of spec.sources) {
    if (source.kind !== 'serviceAccountToken' || supplied.has(source.audience)) continue;
    const { audience, expirationSeconds } = source;
    lifetimes.set(audience, Math.min(expirationSeconds, lifetimes.get(audience) ?? expirationSeconds));
  }
  if (lifetimes.size === 0) return undefined;
  const isBound = pod !== undefined && pod.name !== '' && pod.uid !== '';
  const ref = accountRefOf(pod, namespace);
  return {
    issuer,
    account: { ref, optional: isDefaultAccount(ref) },
    pod: isBound ? { name: pod.name, uid: pod.uid } : undefined,
    lifetimes,
  };
}

/**
 * A token per audience: the held one while it is not due, its key exists and its terms are unchanged; else a new one.
 * If issuing fails, a held token of the same bearer stays until it expires. Without one, a missing account leaves the
 * token out, and a failing issuer throws.
 */
export async function issueTokens(
  { issuer, account: { ref }, pod, lifetimes }: TokensToIssue,
  objects: ReadonlyMap<string, StoredObject>,
  held: ReadonlyMap<string, KeptToken>,
  { storeId, clock }: { readonly storeId: string; readonly clock: Clock },
  signal: AbortSignal,
): Promise<IssuedTokens> {
  const { keyChanges } = issuer;
  const account = accountOf(ref, objects.get(refKey(ref)));
  const ask = <T>(action: (signal: AbortSignal) => Promise<T>) => {
    const late = () => new LanternError('unavailable', 'issue a token: the issuer did not answer within 30 s');
    return withDeadline({ clock, ms: ISSUE_DEADLINE_MS, late }, signal, action);
  };
  const tokens = new Map<string, KeptToken>();
  let failure: LanternError | undefined;
  for (const [audience, expirationSeconds] of lifetimes) {
    const audiences = [audience === '' ? issuer.issuer : audience];
    const now = clock.now();
    const bearer = JSON.stringify([refKey(ref), pod, audiences]);
    const old = held.get(audience);
    let fallback = old?.bearer === bearer && old.expiresAt > now ? old : undefined;
    try {
      const { token } = fallback ?? {};
      if (token !== undefined && !(await ask((bounded) => issuer.vouchesFor(token, bounded)))) fallback = undefined;
      if (account === undefined) throw missingAccount(ref);
      const { uid, name, namespace } = account.metadata;
      const terms = JSON.stringify([storeId, uid, expirationSeconds]);
      const request = { account: { namespace, name, uid }, audiences, expirationSeconds, pod };
      if (fallback !== undefined && fallback.terms === terms && fallback.renewAt > now) tokens.set(audience, fallback);
      else {
        const { token, issuedAt, expiresAt } = await ask((bounded) => issuer.issue(request, bounded));
        const renewAt = issuedAt + dueAfter(expiresAt - issuedAt);
        tokens.set(audience, { token, expiresAt, renewAt, bearer, terms });
      }
    } catch (error) {
      signal.throwIfAborted();
      failure = toLanternError(error, `issue a token for ${describeRef(ref)}`);
      if (fallback !== undefined) tokens.set(audience, fallback);
      else if (account !== undefined) throw failure;
    }
  }
  return { tokens, failure, keyChanges };
}

function missingAccount(account: ObjectRef): LanternError {
  return new LanternError('failed-precondition', `${describeRef(account)} does not exist`, {
    reason: 'MISSING_OBJECTS',
  });
}

/** Milliseconds from the issue of a token until it is renewed. */
export function dueAfter(lifeMs: number, random: () => number = Math.random): number {
  return Math.min(lifeMs * RENEW_AT, DAY_MS) * (1 - JITTER * random());
}

type Supplied = ReadonlyMap<string, HeldToken>;

/**
 * The time at which a token requires a refresh, in milliseconds since 1970 UTC: an issued one must be renewed, or
 * expires while renewing fails, or one that the request supplied expires. Undefined if none does.
 */
export function renewalTime({ tokens, failure }: IssuedTokens, supplied: Supplied, now: number): number | undefined {
  const times: number[] = [];
  for (const { renewAt, expiresAt } of tokens.values()) times.push(failure === undefined ? renewAt : expiresAt);
  for (const token of supplied.values()) if (expiryOf(token) > now) times.push(expiryOf(token));
  return times.length === 0 ? undefined : Math.min(...times);
}

/** True if a token requires a refresh now, see `renewalTime`. One that never expires does not. */
export function isAnyDue(issued: ReadonlyMap<string, KeptToken>, supplied: Supplied, now: number): boolean {
  for (const { renewAt } of issued.values()) if (renewAt <= now) return true;
  for (const token of supplied.values()) if (expiryOf(token) <= now) return true;
  return false;
}

/** An error that names the volume's expired tokens among those supplied. Only a new request can replace them. */
export function expiryProblem(spec: VolumeSpec, supplied: Supplied, now: number): LanternError | undefined {
  const shown = new Set(
    spec.sources.flatMap((source) => (source.kind === 'serviceAccountToken' ? source.audience : [])),
  );
  const expired = [...shown].flatMap((audience) => {
    const token = supplied.get(audience);
    if (token === undefined || !(expiryOf(token) <= now)) return [];
    const whose = audience === '' ? 'the default audience' : `the audience "${audience}"`;
    return [`the token for ${whose} that the request brought expired at ${timeOf(token)}`];
  });
  if (expired.length === 0) return undefined;
  return new LanternError('failed-precondition', `${expired.join(', ')}; mount it again with a new one`);
}

/** NaN if it is not a time. */
function expiryOf({ expirationTimestamp }: HeldToken): number {
  return Date.parse(expirationTimestamp);
}

/** Formatted again: the request may have sent any text. */
function timeOf(token: HeldToken): string {
  return new Date(expiryOf(token)).toISOString().replace(/\.\d+Z$/, 'Z');
}

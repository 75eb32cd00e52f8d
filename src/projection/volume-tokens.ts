import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
import { isDefaultAccount } from '../objects/default-account.ts';
import { describeRef, type ObjectRef, refKey, type StoredObject } from '../objects/object.ts';
import type { HeldToken } from '../payload/render-inputs.ts';
import { accountOf } from '../sources/resolve-account.ts';
import type { TokenIssuer, TokenRequest } from '../sources/token-issuer.ts';
import { accountRefOf, type NeededObject } from '../spec/object-refs.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { KeptToken } from '../volume/request-inputs.ts';
import type { Stages } from './stages.ts';

export const DAY_MS = 24 * 3600 * 1000;
/** The kubelet's rule: due at 80 % of the life, or after a day. */
const DUE_AT = 0.8;
/** Due up to this share earlier, so that what was mounted together is not renewed together. */
const JITTER = 0.05;
const ISSUE_DEADLINE_MS = 30_000;

/** The tokens a volume needs from the daemon's issuer. */
export type TokenWishes = {
  readonly issuer: TokenIssuer;
  /** Who they speak for. */
  readonly account: ObjectRef;
  readonly pod: TokenRequest['pod'];
  /** By audience as the spec names it, '' for the issuer's own: for how many seconds. */
  readonly lives: ReadonlyMap<string, number>;
};

/** What a volume shows, and why one that is due could not be renewed. */
export type IssuedTokens = {
  readonly tokens: ReadonlyMap<string, KeptToken>;
  readonly failure: LanternError | undefined;
};

/** Nothing was asked of the daemon. */
const NONE: IssuedTokens = { tokens: new Map(), failure: undefined };

/**
 * What the spec asks for and the request did not bring; undefined where that is nothing, or nothing is issued here. Of two sources with one audience the shorter life counts for
 * both: a token that is renewed sooner than asked for serves as well. The pod is named only where its uid is known too.
 */
export function tokenWishesOf(
  spec: VolumeSpec,
  facts: { readonly namespace: string; readonly pod: PodFacts | undefined },
  brought: ReadonlyMap<string, HeldToken>,
  issuer: TokenIssuer | undefined,
): TokenWishes | undefined {
  if (issuer === undefined) return undefined;
  const lives = new Map<string, number>();
  for (const source of spec.sources) {
    if (source.kind !== 'serviceAccountToken' || brought.has(source.audience)) continue;
    const { audience, expirationSeconds } = source;
    lives.set(audience, Math.min(expirationSeconds, lives.get(audience) ?? expirationSeconds));
  }
  if (lives.size === 0) return undefined;
  const { namespace, pod } = facts;
  const bound = pod !== undefined && pod.name !== '' && pod.uid !== '' ? { name: pod.name, uid: pod.uid } : undefined;
  return { issuer, account: accountRefOf(pod, namespace), pod: bound, lives };
}

/** The account, where it is needed; the default one may be absent from the store. */
export function accountNeeded(wishes: TokenWishes | undefined): readonly NeededObject[] {
  return wishes === undefined ? [] : [{ ref: wishes.account, optional: isDefaultAccount(wishes.account) }];
}

/**
 * A token for every wish that can be met: a held one as long as it is not due, its key is there and nothing it was issued
 * for differs, else a new one. Where that fails, a held one of the same bearer stays until it expires. Without either, a
 * missing account leaves the token out, and an issuer that fails throws.
 */
export async function issueTokens(
  wishes: TokenWishes | undefined,
  objects: ReadonlyMap<string, StoredObject>,
  held: ReadonlyMap<string, KeptToken>,
  stages: Pick<Stages, 'source' | 'clock'>,
  signal: AbortSignal,
): Promise<IssuedTokens> {
  if (wishes === undefined) return NONE;
  const { issuer } = wishes;
  const account = accountOf(wishes.account, objects.get(refKey(wishes.account)));
  const tokens = new Map<string, KeptToken>();
  let failure: LanternError | undefined;
  for (const [audience, expirationSeconds] of wishes.lives) {
    const audiences = [audience === '' ? issuer.issuer : audience];
    const now = stages.clock.now();
    const bearer = JSON.stringify([refKey(wishes.account), wishes.pod, audiences]);
    const old = held.get(audience);
    let fallback = old?.bearer === bearer && old.expiresAt > now ? old : undefined;
    try {
      if (fallback !== undefined && !(await vouchesFor(fallback, issuer, stages.clock, signal))) fallback = undefined;
      if (account === undefined) throw missingAccount(wishes.account);
      const { uid, name, namespace } = account.metadata;
      const terms = JSON.stringify([stages.source.storeId, uid, expirationSeconds]);
      const request = { account: { namespace, name, uid }, audiences, expirationSeconds, pod: wishes.pod };
      if (fallback !== undefined && fallback.terms === terms && fallback.renewAt > now) tokens.set(audience, fallback);
      else tokens.set(audience, { ...(await issue(request, issuer, stages.clock, signal)), bearer, terms });
    } catch (error) {
      signal.throwIfAborted();
      failure = toLanternError(error, `issue a token for ${describeRef(wishes.account)}`);
      if (fallback !== undefined) tokens.set(audience, fallback);
      else if (account !== undefined) throw failure;
    }
  }
  return { tokens, failure };
}

/** As rendering takes them. */
export function heldTokens(tokens: ReadonlyMap<string, KeptToken>): [string, HeldToken][] {
  return [...tokens].map(([audience, { token, expiresAt }]) => {
    return [audience, { token, expirationTimestamp: new Date(expiresAt).toISOString() }];
  });
}

async function issue(
  request: TokenRequest,
  issuer: TokenIssuer,
  clock: Clock,
  signal: AbortSignal,
): Promise<Pick<KeptToken, 'token' | 'expiresAt' | 'renewAt'>> {
  const { token, issuedAt, expiresAt } = await inTime(clock, signal, (bounded) => issuer.issue(request, bounded));
  return { token, expiresAt, renewAt: issuedAt + dueAfter(expiresAt - issuedAt) };
}

function vouchesFor({ token }: KeptToken, issuer: TokenIssuer, clock: Clock, signal: AbortSignal): Promise<boolean> {
  return inTime(clock, signal, (bounded) => issuer.vouchesFor(token, bounded));
}

function inTime<T>(clock: Clock, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = () => new LanternError('unavailable', 'issue a token: the issuer did not answer within 30 s');
  return withDeadline({ clock, ms: ISSUE_DEADLINE_MS, late }, signal, ask);
}

/** Milliseconds from the issue of a token until a new one is wanted. */
export function dueAfter(lifeMs: number, random: () => number = Math.random): number {
  return Math.min(lifeMs * DUE_AT, DAY_MS) * (1 - JITTER * random());
}

function missingAccount(account: ObjectRef): LanternError {
  return new LanternError('failed-precondition', `${describeRef(account)} does not exist`, {
    reason: 'MISSING_OBJECTS',
  });
}

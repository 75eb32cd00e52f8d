import { type Clock, withDeadline } from '../base/clock.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
import { type Backoff, delays } from '../base/retry.ts';
import { isDefaultAccount } from '../objects/default-account.ts';
import { describeRef, type ObjectRef, refKey, type StoredObject } from '../objects/object.ts';
import type { HeldToken } from '../payload/render-inputs.ts';
import { accountRefOf, type NeededObject } from '../spec/object-refs.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import { accountOf } from '../stores/resolve-objects.ts';
import type { TokenIssuer, TokenRequest } from '../tokens/token-signer.ts';
import type { KeptToken } from '../volume/record.ts';
import type { Stages } from './stages.ts';

const DAY_MS = 24 * 3600 * 1000;
/** The kubelet's rule: due at 80 % of the life, or after a day. */
const DUE_AT = 0.8;
/** Due up to this share earlier, so that what was mounted together is not renewed together. */
const JITTER = 0.05;
const ISSUE_DEADLINE_MS = 30_000;

/** The tokens a volume needs from the daemon's issuer. */
type TokenWishes = {
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

const RETRY: Backoff = { firstMs: 1_000, mostMs: 60_000, jitter: 0.2 };

/** What a volume shows: tokens that the daemon can renew, and those that its request brought. */
type ShownTokens = {
  readonly issued: ReadonlyMap<string, KeptToken>;
  readonly brought: ReadonlyMap<string, HeldToken>;
};

type Plan = { readonly timer: Disposable; readonly waits: Generator<number, never> | undefined };

/**
 * Asks for a volume's refresh when one of its tokens is due, with back-off while it cannot be renewed, and when one expires:
 * the volume must say so then.
 */
export class TokenRotation implements Disposable {
  readonly #clock: Clock;
  readonly #request: (key: string) => void;
  readonly #plans = new Map<string, Plan>();
  #isOver = false;

  constructor(clock: Clock, request: (key: string) => void) {
    this.#clock = clock;
    this.#request = request;
  }

  /** The volume shows these tokens now. Whether they begin to fail: `isFailing`, and at the last time not. */
  plan(key: string, { issued, brought }: ShownTokens, isFailing: boolean): boolean {
    const before = this.#plans.get(key)?.waits;
    this.forget(key);
    if ((issued.size === 0 && brought.size === 0) || this.#isOver) return false;
    const waits = isFailing ? (before ?? delays(RETRY)) : undefined;
    const now = this.#clock.now();
    const moments = [...issued.values()].map(({ renewAt, expiresAt }) => (isFailing ? expiresAt : renewAt));
    const next = Math.min(...moments, nextExpiryOf(brought, now) ?? Number.POSITIVE_INFINITY);
    if (Number.isFinite(next)) {
      // No longer than a day: what a file said after a restart, or a clock that was set, must not make a timer overflow.
      const pause = Math.min(Math.max(next - now, 0), waits?.next().value ?? DAY_MS);
      this.#plans.set(key, { timer: this.#clock.after(pause, () => this.#request(key)), waits });
    }
    return isFailing && before === undefined;
  }

  forget(key: string): void {
    this.#plans.get(key)?.timer[Symbol.dispose]();
    this.#plans.delete(key);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const key of this.#plans.keys()) this.forget(key);
  }
}

type Brought = ReadonlyMap<string, HeldToken>;

/** When the next of these tokens expires, in milliseconds since 1970; undefined where none does, or none says when. */
function nextExpiryOf(brought: Brought, now: number): number | undefined {
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

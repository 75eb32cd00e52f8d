import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import type { Clock } from '../base/clock.ts';
import { LanternError, toLanternError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { orThrow } from '../base/parsed.ts';
import { delays } from '../base/retry.ts';
import {
  DEFAULT_ACCOUNT,
  describeRef,
  type ObjectRef,
  refKey,
  refOf,
  SIGNING_KEYS,
  type StoredObject,
  type StoredSecret,
  type StoredServiceAccount,
} from '../objects/object.ts';
import {
  SERVICE_ACCOUNT_ANNOTATION,
  SERVICE_ACCOUNT_UID_ANNOTATION,
  TOKEN_SECRET_TYPE,
} from '../objects/secret-types.ts';
import { admitObject } from '../spec/admit-object.ts';
import { isSameContents } from '../stores/kept/next-state.ts';
import { accountOf, resolveAccount } from '../stores/resolve-objects.ts';
import type { ObjectEvent, Store } from '../stores/store.ts';
import type { SigningKeys } from './signing-keys.ts';
import { lastingClaims, type TokenSigner } from './token-signer.ts';

const BACKOFF = { firstMs: 500, maxMs: 60_000, jitter: 0.2 };

type TokenSecretsOptions = {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly signer: TokenSigner;
  /** PEM file for ca.crt; if undefined, none is written. */
  readonly rootCa: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
};

type Settings = Pick<Filling, 'rootCa' | 'settingsCount'>;

/**
 * Fills Secrets of type `kubernetes.io/service-account-token` like Kubernetes' token controller: when they or their
 * account appear, when the token was removed, and when the signing key changes. Deletes those whose account is gone, if
 * the token in them is the daemon's. Begins when the store is ready. Failures are logged and retried.
 */
export class TokenSecrets implements AsyncDisposable {
  readonly #options: TokenSecretsOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: TokenSecretsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run(this.#closing.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { store, clock, log } = this.#options;
    let waits = delays(BACKOFF);
    while (!signal.aborted) {
      try {
        await store.ready(signal);
        const { revision, settings } = await this.#settleAll(signal);
        waits = delays(BACKOFF);
        for await (const event of store.watch({ from: revision }, signal)) {
          if (await this.#onEvent(event, settings, signal)) break;
        }
      } catch (error) {
        if (signal.aborted) return;
        const failure = toLanternError(error, 'keep the token Secrets filled');
        // This code only asks for a new list.
        if (failure.code !== 'out-of-range') log.warn({ error: failure }, 'token Secrets are looked at again soon');
        await clock.sleep(waits.next().value, signal).catch(() => {});
      }
    }
  }

  /** Checks every token Secret and returns the revision to watch from. Throws the first failure after checking all. */
  async #settleAll(signal: AbortSignal): Promise<{ revision: number; settings: Settings }> {
    const { store } = this.#options;
    const { objects, revision } = await store.list({ kind: 'Secret' }, signal);
    const secrets = objects.filter(isTokenSecret);
    // Accounts are listed after the Secrets, so that the watch reports every later change.
    const accounts = secrets.length === 0 ? [] : (await store.list({ kind: 'ServiceAccount' }, signal)).objects;
    const byKey = new Map(accounts.map((account) => [refKey(refOf(account)), account]));
    const rootCa = await this.#readRootCa();
    let failure: { readonly error: unknown } | undefined;
    for (const secret of secrets) {
      const ref = accountRefOf(secret);
      const account = accountOf(ref, byKey.get(refKey(ref)));
      try {
        await this.#settle(secret, account, { rootCa, settingsCount: true }, signal);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
    return { revision, settings: { rootCa, settingsCount: false } };
  }

  /** True if all Secrets must be checked again. */
  async #onEvent({ type, object }: ObjectEvent, settings: Settings, signal: AbortSignal): Promise<boolean> {
    const { store, keys } = this.#options;
    if (refKey(refOf(object)) === refKey(SIGNING_KEYS)) {
      keys.forget();
      return true;
    }
    if (object.kind === 'ServiceAccount') await this.#settleSecretsOf(object, settings, signal);
    else if (type !== 'deleted' && isTokenSecret(object)) {
      await this.#settle(object, await resolveAccount(store, accountRefOf(object), signal), settings, signal);
    }
    return false;
  }

  async #settleSecretsOf({ metadata }: StoredObject, settings: Settings, signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    // The current account may be newer than the event.
    const account = await resolveAccount(store, metadata, signal);
    const { objects } = await store.list({ kind: 'Secret', namespace: metadata.namespace }, signal);
    for (const object of objects) {
      if (!isTokenSecret(object) || accountNameOf(object) !== metadata.name) continue;
      await this.#settle(object, account, settings, signal);
    }
  }

  /**
   * Brings a token Secret to its wanted state. If the known version is old, the store refuses the change, and the watch
   * will deliver the newer one. A Secret that the store refuses as invalid waits until somebody changes it.
   */
  async #settle(
    secret: StoredSecret,
    account: StoredServiceAccount | undefined,
    settings: Settings,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, signer, log } = this.#options;
    const ref = refOf(secret);
    const keyIds = await signer.keyIds(signal);
    const filledForUid = secret.metadata.annotations.get(SERVICE_ACCOUNT_UID_ANNOTATION);
    const isGone = account === undefined || !isTheSame(account, filledForUid);
    try {
      // A Secret with another issuer's token may come from elsewhere, with the uid of an account there.
      if (isGone && holdsTokenOf(keyIds, secret)) {
        await store.delete(ref, secret.metadata.resourceVersion, signal);
        log.info({ object: describeRef(ref) }, 'token Secret deleted: its account is gone');
      } else if (account !== undefined) await this.#fill(secret, account, { ...settings, keyIds }, signal);
    } catch (error) {
      const code = error instanceof LanternError ? error.code : 'internal';
      if (code === 'aborted') return;
      if (code !== 'invalid-argument') throw error;
      log.warn({ object: describeRef(ref), error }, 'token Secret cannot be filled');
    }
  }

  async #fill(
    secret: StoredSecret,
    account: StoredServiceAccount,
    settings: Settings & Pick<Filling, 'keyIds'>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, signer, log } = this.#options;
    const { namespace, name } = secret.metadata;
    const { uid } = account.metadata;
    const claims = lastingClaims({ namespace, name: account.metadata.name, uid }, name, signer.issuer);
    const filling = { ...settings, claims };
    const isTokenWanted = needsToken(secret, filling);
    const token = isTokenWanted ? await signer.issueLasting(claims, signal) : undefined;
    const next = filled(secret, account, filling, token);
    if (isSameContents(secret, next)) return;
    await store.apply(orThrow(admitObject(next)), { createOnly: false, dryRun: false }, signal);
    log.info({ object: describeRef(refOf(secret)), isTokenNew: isTokenWanted }, 'token Secret filled');
  }

  /** An unreadable file is logged and yields undefined: the rest is still worth filling. */
  async #readRootCa(): Promise<Uint8Array | undefined> {
    const { rootCa, log } = this.#options;
    if (rootCa === undefined) return undefined;
    try {
      return await readFile(rootCa);
    } catch (error) {
      log.warn(toLanternError(error, `read the root certificate "${rootCa}"`).message);
      return undefined;
    }
  }
}

function accountRefOf(secret: StoredSecret): ObjectRef {
  return { kind: 'ServiceAccount', namespace: secret.metadata.namespace, name: accountNameOf(secret) };
}

/** True unless the account was recreated under its name. `default` is always the same account to its users. */
function isTheSame({ metadata }: StoredServiceAccount, filledForUid: string | undefined): boolean {
  return filledForUid === undefined || filledForUid === metadata.uid || metadata.name === DEFAULT_ACCOUNT;
}

export const TOKEN = 'token';
export const NAMESPACE = 'namespace';
export const ROOT_CA = 'ca.crt';

export function isTokenSecret(object: StoredObject | undefined): object is StoredSecret {
  return object?.kind === 'Secret' && object.type === TOKEN_SECRET_TYPE;
}

export function accountNameOf(secret: StoredSecret): string {
  return secret.metadata.annotations.get(SERVICE_ACCOUNT_ANNOTATION) ?? '';
}

type Filling = {
  readonly claims: JWTPayload & { readonly iss: string };
  /** Keys that verify; the first one signs. */
  readonly keyIds: readonly string[];
  /** PEM; undefined if not configured. */
  readonly rootCa: Uint8Array | undefined;
  /**
   * True if the issuer and root certificate replace those already there. Each daemon does this once, at its start;
   * otherwise two daemons with different settings on one store would overwrite each other forever.
   */
  readonly settingsCount: boolean;
};

/** True if the Secret holds a token that one of these keys signed. */
export function holdsTokenOf(keyIds: readonly string[], secret: StoredSecret): boolean {
  return keyIds.includes(tokenIn(secret)?.keyId ?? '');
}

/** True if the token is missing or is a stale one of ours. Another issuer's token stays. */
function needsToken(secret: StoredSecret, { claims, keyIds, settingsCount }: Filling): boolean {
  if (!secret.data.get(TOKEN)?.byteLength) return true;
  const found = tokenIn(secret);
  if (found === undefined) return false;
  const isOurs = holdsTokenOf(keyIds, secret) || found.claims.iss === claims.iss;
  if (!isOurs) return false;
  const wanted = settingsCount ? claims : { ...claims, iss: found.claims.iss };
  return found.keyId !== keyIds[0] || !isDeepStrictEqual(found.claims, wanted);
}

/** The wanted Secret. An undefined token keeps the present one. */
function filled(
  secret: StoredSecret,
  account: StoredServiceAccount,
  { rootCa, settingsCount }: Filling,
  token: string | undefined,
): StoredSecret {
  const data = new Map(secret.data);
  if (token !== undefined) data.set(TOKEN, Buffer.from(token));
  data.set(NAMESPACE, Buffer.from(secret.metadata.namespace));
  if (rootCa !== undefined && (settingsCount || !data.has(ROOT_CA))) data.set(ROOT_CA, rootCa);
  const annotations = new Map(secret.metadata.annotations).set(SERVICE_ACCOUNT_UID_ANNOTATION, account.metadata.uid);
  return { ...secret, data, metadata: { ...secret.metadata, annotations } };
}

/** Key id and claims of the token, unverified; undefined without a well-formed token. */
function tokenIn({
  data,
}: StoredSecret): { readonly keyId: string | undefined; readonly claims: JWTPayload } | undefined {
  const token = Buffer.from(data.get(TOKEN) ?? '').toString('utf8');
  try {
    return { keyId: decodeProtectedHeader(token).kid, claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

import type { CallOptions } from '@grpc/grpc-js';
import type { Etcd3, IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse } from 'etcd3';
import { type Clock, withDeadline } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { delays } from '../../base/retry.ts';
import { EtcdEndpoint, type EtcdWatchStream, etcdError, failureOf, isPassing } from './endpoint.ts';
import type { EtcdIdentity } from './identity.ts';

/** How long one call may take over all its attempts, in milliseconds. */
const DEADLINE_MS = 8_000;
const BACKOFF = { firstMs: 50, maxMs: 1_000, jitter: 0.5 };

/**
 * The members of one etcd. Calls go to one of them, chosen at random so that nodes spread over all, for as long as it
 * answers; then to the next. Every error is a LanternError that holds nothing of what was sent.
 *
 * A transaction is sent again when nobody knows whether it was carried out: it must be one that may be repeated.
 */
export class EtcdClient implements Disposable {
  readonly #endpoints: readonly EtcdEndpoint[];
  readonly #clock: Clock;
  readonly #renewIdentity: () => Promise<EtcdIdentity>;
  #identity: EtcdIdentity;
  #renewing: Promise<void> | undefined;
  #current: number;

  /**
   * `renewIdentity`: which it is by now, the same object where nothing changed. Asked after a failure, and for each stream.
   */
  constructor(
    urls: readonly string[],
    identity: EtcdIdentity,
    clock: Clock,
    renewIdentity: () => Promise<EtcdIdentity> = async () => identity,
  ) {
    this.#endpoints = urls.map((url) => new EtcdEndpoint(url, identity));
    this.#clock = clock;
    this.#identity = identity;
    this.#renewIdentity = renewIdentity;
    this.#current = Math.floor(Math.random() * urls.length);
  }

  /** Linearizable, unless the request says otherwise. */
  range(request: IRangeRequest, what: string, signal: AbortSignal): Promise<IRangeResponse> {
    return this.#call((client, options) => client.kv.range(request, options), what, signal);
  }

  transact(request: ITxnRequest, what: string, signal: AbortSignal): Promise<ITxnResponse> {
    return this.#call((client, options) => client.kv.txn(request, options), what, signal);
  }

  /** A new lease, which ends by itself; its id. */
  async grantLease(seconds: number, what: string, signal: AbortSignal): Promise<string> {
    const { ID } = await this.#call(
      (client, options) => client.leaseClient.leaseGrant({ TTL: seconds }, options),
      what,
      signal,
    );
    return ID;
  }

  /** A stream for watches. `onFailure` is to be called when it ends, so that the next one goes to another member. */
  async openStream(what: string): Promise<{ readonly stream: EtcdWatchStream; readonly onFailure: () => void }> {
    await this.#renew();
    const index = this.#current;
    try {
      return { stream: await this.#endpoint(index).stream(), onFailure: () => this.#avoid(index) };
    } catch (error) {
      this.#avoid(index);
      throw etcdError(error, what);
    }
  }

  [Symbol.dispose](): void {
    for (const endpoint of this.#endpoints) endpoint[Symbol.dispose]();
  }

  async #call<T>(
    send: (client: Etcd3, options: CallOptions) => Promise<T>,
    what: string,
    signal: AbortSignal,
  ): Promise<T> {
    let failure: unknown = new LanternError('unavailable', `${what}: etcd has too many calls waiting; try again`);
    const limit = { clock: this.#clock, ms: DEADLINE_MS, late: () => etcdError(failure, what) };
    let distrusted = 0;
    return await withDeadline(limit, signal, async (bounded) => {
      for (const pause of delays(BACKOFF)) {
        const index = this.#current;
        const identity = this.#identity;
        try {
          return await this.#endpoint(index).call(send, bounded);
        } catch (error) {
          bounded.throwIfAborted();
          await this.#renew();
          if (identity !== this.#identity) {
            // What was refused was shown by another: the new one has had no attempt yet.
            distrusted = 0;
            continue;
          }
          if (failureOf(error) === 'untrusted') distrusted += 1;
          // What no member accepts does not pass by waiting for it here.
          if (!isPassing(error) || distrusted >= this.#endpoints.length) throw etcdError(error, what);
          failure = error;
          this.#avoid(index);
        }
        await this.#clock.sleep(pause, bounded);
      }
      throw etcdError(failure, what);
    });
  }

  /** Certificates and passwords are replaced while daemons run. However many calls fail at once, it is looked once. */
  async #renew(): Promise<void> {
    this.#renewing ??= this.#useNewest().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  async #useNewest(): Promise<void> {
    const identity = await this.#renewIdentity();
    if (identity === this.#identity) return;
    this.#identity = identity;
    for (const endpoint of this.#endpoints) endpoint.use(identity);
  }

  #endpoint(index: number): EtcdEndpoint {
    const endpoint = this.#endpoints[index];
    if (endpoint === undefined) throw new LanternError('internal', 'call etcd: no endpoint is configured');
    return endpoint;
  }

  #avoid(index: number): void {
    if (this.#current === index) this.#current = (index + 1) % this.#endpoints.length;
  }
}

import type { CallOptions } from '@grpc/grpc-js';
import type { Etcd3, IRangeRequest, IRangeResponse, IResponseHeader, ITxnRequest, ITxnResponse } from 'etcd3';
import { type Clock, withDeadline } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { delays } from '../../base/retry.ts';
import { EtcdEndpoint, type EtcdWatchStream, etcdError, failureOf, isPassing } from './endpoint.ts';
import type { EtcdIdentity } from './identity.ts';

/** Time limit for a call with all its attempts, in milliseconds. */
const DEADLINE_MS = 8_000;
const BACKOFF = { firstMs: 50, maxMs: 1_000, jitter: 0.5 };

/**
 * The members of one etcd cluster. Calls go to a random one, to spread nodes, and to the next when it fails. Errors are
 * LanternErrors without any data sent. A transaction with an unknown outcome is sent again: it must be repeatable.
 */
export class EtcdClient implements Disposable {
  readonly #endpoints: readonly EtcdEndpoint[];
  readonly #clock: Clock;
  readonly #renewIdentity: () => Promise<EtcdIdentity>;
  #identity: EtcdIdentity;
  #renewing: Promise<void> | undefined;
  #current: number;

  /** `renewIdentity` returns the newest identity, or the same object. Called after failures and for each stream. */
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

  /** Linearizable, unless the request sets otherwise. */
  range(request: IRangeRequest, what: string, signal: AbortSignal): Promise<IRangeResponse> {
    return this.#call((client, options) => client.kv.range(request, options), what, signal);
  }

  transact(request: ITxnRequest, what: string, signal: AbortSignal): Promise<ITxnResponse> {
    return this.#call((client, options) => client.kv.txn(request, options), what, signal);
  }

  /** Grants a lease, which expires by itself, and returns its id. */
  async grantLease(seconds: number, what: string, signal: AbortSignal): Promise<string> {
    const { ID } = await this.#call(
      (client, options) => client.leaseClient.leaseGrant({ TTL: seconds }, options),
      what,
      signal,
    );
    return ID;
  }

  /** The caller must call `onFailure` when the stream ends, so that the next one uses another member. */
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
            // The old identity was refused; the new one has had no attempt yet.
            distrusted = 0;
            continue;
          }
          if (failureOf(error) === 'untrusted') distrusted += 1;
          // Every member rejected the call; retrying does not help.
          if (!isPassing(error) || distrusted >= this.#endpoints.length) throw etcdError(error, what);
          failure = error;
          this.#avoid(index);
        }
        await this.#clock.sleep(pause, bounded);
      }
      throw etcdError(failure, what);
    });
  }

  /** Reads certificates and passwords again, once for all calls that fail together. */
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

/**
 * Puts a value, or removes the key if it is undefined, if the key was last changed at `changedAt` ('0': it does not
 * exist). Returns the revision of the change as `changedAt`, undefined if another change came first.
 */
export async function replaceIfUnchanged(
  client: Pick<EtcdClient, 'transact'>,
  { key, changedAt, value, lease }: Replacement,
  what: string,
  signal: AbortSignal,
): Promise<{ readonly header: IResponseHeader; readonly changedAt: number | undefined }> {
  const { header, succeeded, responses } = await client.transact(
    {
      compare: [{ key, target: 'Mod', result: 'Equal', mod_revision: changedAt }],
      success: [
        value === undefined
          ? { request_delete_range: { key } }
          : { request_put: { key, value, ...(lease !== undefined && { lease }) } },
      ],
      failure: [{ request_range: { key } }],
    },
    what,
    signal,
  );
  if (succeeded) return { header, changedAt: Number(header.revision) };
  // If an attempt without an answer was carried out, the key has this very value.
  const found = responses[0]?.response_range.kvs[0];
  const isOurs = value !== undefined && found?.value.equals(value) === true;
  return { header, changedAt: isOurs ? Number(found.mod_revision) : undefined };
}

type Replacement = {
  readonly key: Buffer;
  readonly changedAt: string | number;
  /** Two writers must not write equal values; sealed values never are equal. */
  readonly value: Buffer | undefined;
  /** Id of the lease that the value expires with. */
  readonly lease?: string;
};

export function rangeBelow(prefix: string): { readonly key: Buffer; readonly range_end: Buffer } {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return { key: Buffer.from(prefix), range_end: end };
}

/** The first key of a range's next page; undefined after the last page. */
export function nextPageOf({ more, kvs }: IRangeResponse): Buffer | undefined {
  const last = kvs.at(-1);
  return more && last !== undefined ? Buffer.concat([last.key, Buffer.of(0)]) : undefined;
}

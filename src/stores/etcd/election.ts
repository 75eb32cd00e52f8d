import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type EtcdClient, replaceIfUnchanged } from './client.ts';

/** How long a daemon that stopped answering keeps the work. */
const LEASE_SECONDS = 30;
/** Allows several attempts per lease. */
const RENEWAL_MS = 8_000;
/** How often other daemons check for a holder, give or take half, to spread them. */
const LOOK_MS = 60_000;

export type EtcdElectionOptions = {
  readonly client: Pick<EtcdClient, 'range' | 'grantLease' | 'transact'>;
  /** The key whose holder does the work. */
  readonly key: string;
  /** Begins the work, which ends on disposal. */
  readonly begin: () => AsyncDisposable;
  readonly clock: Clock;
  readonly log: Log;
};

/**
 * Work that one daemon does for all, because it reads everything. The holder of a key under a lease does it. This only
 * spares etcd load and is not a lock: two daemons may briefly work at once.
 */
export class EtcdElection implements AsyncDisposable {
  readonly #options: EtcdElectionOptions;
  readonly #closing = new AbortController();
  readonly #candidate = Buffer.from(randomUUID());
  #running: Promise<void> = Promise.resolve();
  #work: AsyncDisposable | undefined;

  constructor(options: EtcdElectionOptions) {
    this.#options = options;
  }

  /** True while this daemon does the work. */
  get isHolder(): boolean {
    return this.#work !== undefined;
  }

  start(): void {
    this.#running = this.#run(this.#closing.signal);
  }

  /** Ends the work and frees the key for another daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    const wasHolder = this.isHolder;
    await this.#end();
    if (wasHolder) await this.#resign().catch(() => {});
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log, key } = this.#options;
    let heldAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      try {
        if (await this.#hold(signal)) {
          heldAt = clock.monotonic();
          this.#work ??= this.#options.begin();
        } else await this.#end();
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ error: toLanternError(error, `hold "${key}" in etcd`) }, 'an election is tried again');
        if (clock.monotonic() - heldAt > LEASE_SECONDS * 1_000) await this.#end();
      }
      const pause = this.isHolder ? RENEWAL_MS : LOOK_MS * (0.5 + Math.random());
      await clock.sleep(pause, signal).catch(() => {});
    }
  }

  /** Takes the key if it is free, and renews it if held here. */
  async #hold(signal: AbortSignal): Promise<boolean> {
    const { client } = this.#options;
    const key = Buffer.from(this.#options.key);
    const what = `hold "${this.#options.key}" in etcd`;
    const { kvs } = await client.range({ key }, what, signal);
    const found = kvs[0];
    if (found !== undefined && !found.value.equals(this.#candidate)) return false;
    const lease = await client.grantLease(LEASE_SECONDS, what, signal);
    const replacement = { key, changedAt: found?.mod_revision ?? 0, value: this.#candidate, lease };
    return (await replaceIfUnchanged(client, replacement, what, signal)).changedAt !== undefined;
  }

  async #resign(): Promise<void> {
    const { client } = this.#options;
    const key = Buffer.from(this.#options.key);
    const compare = [{ key, target: 'Value', result: 'Equal', value: this.#candidate }] as const;
    const success = [{ request_delete_range: { key } }];
    await client.transact({ compare: [...compare], success }, 'resign', AbortSignal.timeout(1_000));
  }

  async #end(): Promise<void> {
    const work = this.#work;
    this.#work = undefined;
    try {
      await work?.[Symbol.asyncDispose]();
    } catch (error) {
      // The next holder of the key does the work regardless.
      const failure = toLanternError(error, `end the work of "${this.#options.key}"`);
      this.#options.log.warn({ error: failure }, 'work that is done for all daemons did not end well');
    }
  }
}

import { type Clock, systemClock } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { seal, unseal } from '../sealed/envelope.ts';
import { type KeyRing, readKeyRing } from '../sealed/key-file.ts';
import { EtcdClient, nextPageOf, rangeBelow, replaceIfUnchanged } from './client.ts';
import { type EtcdConfig, readIdentity } from './identity.ts';

/** Bounds the values in memory. */
const WORKERS = 8;
/** A page of keys without values takes some hundred kilobytes. */
const KEYS_PER_PAGE = 1_000;
/** Bounds the retries for a value that daemons keep sealing with another key. */
const MAX_LOOKS = 20;

type EtcdRekeyingOptions = {
  readonly client: Pick<EtcdClient, 'range' | 'transact'>;
  /** The first one seals everything; all of them open. */
  readonly keys: KeyRing;
  /** The prefix of the store's keys. */
  readonly prefix: string;
  /** Called after a value of another key was sealed with the first one. */
  readonly onRewritten: () => void;
  /** Called for a value left unchanged. The message names its etcd key and contains nothing of it. */
  readonly onLeft: (problem: LanternError) => void;
};

/** Seals a store's values in etcd with the first key, one at a time, while daemons work on it. */
export class EtcdRekeying {
  readonly #options: EtcdRekeyingOptions;
  readonly #signal: AbortSignal;

  constructor(options: EtcdRekeyingOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /**
   * Skips values of the first key, so it can be interrupted and repeated. `not-found` without a store below the prefix.
   * If the store's id cannot be rekeyed, throws that error and changes nothing else.
   */
  async run(): Promise<void> {
    const { prefix, onLeft } = this.#options;
    // The id comes first: from then on no daemon without the new key opens this store and seals objects with an old
    // key.
    const id = await this.#rekey(Buffer.from(`${prefix}/store-id`));
    if (id instanceof LanternError) throw id;
    if (id === 'absent') {
      throw new LanternError(
        'not-found',
        `rekey the store in etcd below "${prefix}": there is none; name the right --etcd-prefix`,
      );
    }
    const objects = this.#keysBelow(`${prefix}/objects/`);
    const work = async () => {
      for await (const key of objects) {
        const end = await this.#rekey(key);
        if (end instanceof LanternError) onLeft(end);
      }
    };
    // After one worker's error, the others finish their current values, which count too.
    for (const end of await Promise.allSettled(Array.from({ length: WORKERS }, work))) {
      if (end.status === 'rejected') throw end.reason;
    }
  }

  /** In key order. New keys may be missed: daemons seal them with their first key. */
  async *#keysBelow(prefix: string): AsyncGenerator<Buffer, void> {
    const range = rangeBelow(prefix);
    const what = `list what is in etcd below "${prefix}"`;
    for (let key: Buffer | undefined = range.key; key !== undefined; ) {
      const request = { ...range, key, limit: KEYS_PER_PAGE, keys_only: true };
      const page = await this.#options.client.range(request, what, this.#signal);
      for (const found of page.kvs) yield found.key;
      key = nextPageOf(page);
    }
  }

  /** `absent` if the key did not exist; an error if its value was left unchanged. */
  async #rekey(key: Buffer): Promise<'done' | 'absent' | LanternError> {
    const what = `rekey "${key}"`;
    for (let look = 0; look < MAX_LOOKS; look++) {
      const { kvs } = await this.#options.client.range({ key }, what, this.#signal);
      const [found] = kvs;
      if (found === undefined) return look > 0 ? 'done' : 'absent';
      const value = this.#resealed(found.value, key, what);
      if (value === undefined) return 'done';
      if (value instanceof LanternError) return value;
      const replacement = { key, changedAt: found.mod_revision, value };
      const { changedAt } = await replaceIfUnchanged(this.#options.client, replacement, what, this.#signal);
      if (changedAt !== undefined) {
        this.#options.onRewritten();
        return 'done';
      }
    }
    return new LanternError(
      'aborted',
      `${what}: daemons write it all the time, with another key first; run this again`,
    );
  }

  /** Undefined if already sealed by the first key; an error if no key opens it. */
  #resealed(value: Buffer, key: Buffer, what: string): Buffer | LanternError | undefined {
    const { keys } = this.#options;
    try {
      const opened = unseal(keys, value, key.toString(), what);
      return opened.key.id === keys.first.id ? undefined : seal(keys.first, opened.bytes, key.toString());
    } catch (error) {
      if (error instanceof LanternError) return error;
      throw error;
    }
  }
}

type EtcdRekeyOptions = EtcdConfig &
  Pick<EtcdRekeyingOptions, 'onRewritten' | 'onLeft'> & {
    /** The first one seals everything. */
    readonly keyFiles: readonly string[];
    readonly clock?: Clock;
  };

/** See `EtcdRekeying`. Errors for key files as at a daemon's start. Other errors end it; a repeat continues. */
export async function rekeyEtcd(options: EtcdRekeyOptions, signal: AbortSignal): Promise<void> {
  const { endpoints, prefix, keyFiles, clock = systemClock, onRewritten, onLeft } = options;
  const keys = await readKeyRing(keyFiles);
  using client = new EtcdClient(endpoints, await readIdentity(options), clock);
  await new EtcdRekeying({ client, keys, prefix, onRewritten, onLeft }, signal).run();
}

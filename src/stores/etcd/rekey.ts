import { type Clock, systemClock } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { seal, unseal } from '../sealed/envelope.ts';
import { type KeyRing, readKeyRing } from '../sealed/key-file.ts';
import { EtcdClient, nextPageOf, rangeBelow, replaceIfUnchanged } from './client.ts';
import { type EtcdConfig, readIdentity } from './identity.ts';

/** How many values are in memory at once. */
const WORKERS = 8;
/** A page of keys, without values: some hundred kilobytes. */
const KEYS_PER_PAGE = 1_000;
/** A value that daemons go on sealing with another key would be looked at for ever. */
const MAX_LOOKS = 20;

type EtcdRekeyingOptions = {
  readonly client: Pick<EtcdClient, 'range' | 'transact'>;
  /** The first is to seal everything; each of them opens what it has sealed. */
  readonly keys: KeyRing;
  /** The store lies below it. */
  readonly prefix: string;
  /** A value was sealed by another key, and is sealed by the first now. */
  readonly onRewritten: () => void;
  /** A value was left as it is. The message names the key in etcd, and holds nothing of the value. */
  readonly onLeft: (problem: LanternError) => void;
};

/** Seals the values of a store in etcd with the first key, one at a time, while daemons work on it. */
export class EtcdRekeying {
  readonly #options: EtcdRekeyingOptions;
  readonly #signal: AbortSignal;

  constructor(options: EtcdRekeyingOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /**
   * What is sealed by the first key already is not touched, so it can be repeated, and broken off. `not-found` when
   * there is no store below the prefix. If the store's id cannot be rekeyed, that error is thrown, and nothing else is
   * touched.
   */
  async run(): Promise<void> {
    const { prefix, onLeft } = this.#options;
    // First: from here on no daemon without the new key opens this store, and seals something behind our back.
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
    // When one meets an error, the others end what they have begun: that counts, too.
    for (const end of await Promise.allSettled(Array.from({ length: WORKERS }, work))) {
      if (end.status === 'rejected') throw end.reason;
    }
  }

  /** In their order. Those that come while it runs may be left out: daemons seal them with their first key. */
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

  /**
   * Looks at the value until it is sealed by the first key or gone; `absent` where there was none, an error says why it
   * was left.
   */
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

  /** Undefined for what the first key has sealed; an error for what no key opens. */
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
    /** The first is to seal everything. */
    readonly keyFiles: readonly string[];
    readonly clock?: Clock;
  };

/**
 * Seals every value of the store with the first key: see `EtcdRekeying`. `failed-precondition` for key files as when a
 * daemon starts; `unavailable` and the like end it, and a repeat goes on where it ended.
 */
export async function rekeyEtcd(options: EtcdRekeyOptions, signal: AbortSignal): Promise<void> {
  const { endpoints, prefix, keyFiles, clock = systemClock, onRewritten, onLeft } = options;
  const keys = await readKeyRing(keyFiles);
  using client = new EtcdClient(endpoints, await readIdentity(options), clock);
  await new EtcdRekeying({ client, keys, prefix, onRewritten, onLeft }, signal).run();
}

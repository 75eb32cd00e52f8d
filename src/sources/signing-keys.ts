import { type CryptoKey, importJWK } from 'jose';
import type { Clock } from '../base/clock.ts';
import { LanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import { describeRef, type ObjectDraft, type ObjectRef, type StoredObject } from '../objects/object.ts';
import { admitObject } from './admit-object.ts';
import {
  ALGORITHM,
  covering,
  encodeKeySet,
  newKeySet,
  parseKeySet,
  rotated,
  type SigningKeySet,
} from './signing-key-set.ts';
import type { Store } from './source.ts';

/** The Secret that holds the keys: as encrypted, as durable and as widely known as every object of its store. */
export const SIGNING_KEYS: ObjectRef = {
  kind: 'Secret',
  namespace: 'lantern-system',
  name: 'service-account-signing-keys',
};
const SECRET_TYPE = 'lantern.dev/signing-keys';
export const SIGNING_KEYS_DATA = 'keys.json';

/** Another daemon may write in between; that it does so this often in a row is a fault of its own. */
const MOST_ATTEMPTS = 10;

/** The keys, ready for use. */
export type LoadedKeys = {
  /** SECRET. */
  readonly set: SigningKeySet;
  /** Not extractable. */
  readonly privateKey: CryptoKey;
};

/** What was read, and the version to replace. */
type Found = LoadedKeys & { readonly object: StoredObject };

/**
 * The keys that tokens are signed with. They are made where there are none, kept in memory while their Secret does not
 * change, and followed: what another daemon on the same store does counts here at once.
 *
 * Errors of every method: `data-loss` when the Secret holds something else; otherwise as the store's.
 */
export class SigningKeys implements Disposable {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #following: Disposable | undefined;
  #loaded: LoadedKeys | undefined;
  #changes = 0;

  constructor({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  async current(signal: AbortSignal): Promise<LoadedKeys> {
    if (this.#loaded !== undefined) return this.#loaded;
    this.#follow();
    const before = this.#changes;
    const keys = await this.#read(signal);
    if (this.#changes === before) this.#loaded = keys;
    return keys;
  }

  /** Keys whose tokens may live this long: that is stored before it is true, so that no key is dropped too early. */
  async covering(lifetimeSeconds: number, signal: AbortSignal): Promise<LoadedKeys> {
    const keys = await this.current(signal);
    if (keys.set.longestSeconds >= lifetimeSeconds) return keys;
    return await this.#change((set) => covering(set, lifetimeSeconds), signal);
  }

  /** Signs with a new key from now on. */
  async rotate(signal: AbortSignal): Promise<LoadedKeys> {
    return await this.#change((set) => rotated(set, this.#clock.now()), signal);
  }

  /** Reads anew at the next use, for whoever has heard of a change before this has. */
  forget(): void {
    this.#changes++;
    this.#loaded = undefined;
  }

  /** Calls `listener` after every change of the keys until disposed; it must return at once. */
  onChange(listener: () => void): Disposable {
    this.#follow();
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#following?.[Symbol.dispose]();
    this.#following = undefined;
    this.forget();
  }

  #follow(): void {
    this.#following ??= this.#store.follow(SIGNING_KEYS, () => {
      this.forget();
      for (const listener of [...this.#listeners]) listener();
    });
  }

  async #change(
    next: (set: SigningKeySet) => SigningKeySet | Promise<SigningKeySet>,
    signal: AbortSignal,
  ): Promise<LoadedKeys> {
    for (let attempt = 1; ; attempt++) {
      const { object, set } = await this.#read(signal);
      const { labels, annotations, resourceVersion } = object.metadata;
      try {
        return await this.#write(await next(set), { labels, annotations, resourceVersion }, signal);
      } catch (error) {
        if (!hasCode(error, 'aborted') || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  async #read(signal: AbortSignal): Promise<Found> {
    const object = await this.#store.get(SIGNING_KEYS, signal);
    if (object !== undefined) return await load(object);
    try {
      return await this.#write(await newKeySet(), undefined, signal);
    } catch (error) {
      // Another daemon was first: its keys are everybody's.
      if (!hasCode(error, 'already-exists')) throw error;
      return await this.#read(signal);
    }
  }

  /** Creates the Secret where there is nothing to replace. */
  async #write(
    set: SigningKeySet,
    replaced: Pick<StoredObject['metadata'], 'labels' | 'annotations' | 'resourceVersion'> | undefined,
    signal: AbortSignal,
  ): Promise<Found> {
    const { namespace, name } = SIGNING_KEYS;
    const metadata = replaced ?? { labels: new Map(), annotations: new Map() };
    const draft: ObjectDraft = {
      kind: 'Secret',
      metadata: { namespace, name, ...metadata },
      type: SECRET_TYPE,
      data: new Map([[SIGNING_KEYS_DATA, encodeKeySet(set)]]),
      immutable: false,
    };
    const options = { createOnly: replaced === undefined, dryRun: false };
    const { object } = await this.#store.apply(orThrow(admitObject(draft)), options, signal);
    return await load(object);
  }
}

async function load(object: StoredObject): Promise<Found> {
  if (object.kind !== 'Secret' || object.type !== SECRET_TYPE) throw damaged(`its type is not ${SECRET_TYPE}`);
  const bytes = object.data.get(SIGNING_KEYS_DATA);
  if (bytes === undefined) throw damaged(`${SIGNING_KEYS_DATA} is missing`);
  const set = await parseKeySet(bytes);
  if (!set.ok) {
    throw damaged(
      set.faults.map(({ field, message }) => [SIGNING_KEYS_DATA, field, message].filter(Boolean).join(': ')).join('; '),
    );
  }
  const privateKey = await importJWK(set.value.signing, ALGORITHM);
  if (privateKey instanceof Uint8Array) throw damaged('it holds no key');
  return { object, set: set.value, privateKey };
}

function damaged(problem: string): LanternError {
  return new LanternError(
    'data-loss',
    `read the signing keys in ${describeRef(SIGNING_KEYS)}: ${problem}; restore it from a backup, or delete it to begin ` +
      'with a new key, which ends every token signed so far',
  );
}

function hasCode(error: unknown, code: LanternError['code']): boolean {
  return error instanceof LanternError && error.code === code;
}

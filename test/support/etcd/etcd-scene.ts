import type { Etcd3 } from 'etcd3';
import type { ObjectDraft, StoredObject } from '../../../src/objects/object.ts';
import { EtcdStore, type EtcdStoreOptions } from '../../../src/stores/etcd/etcd-store.ts';
import type { KeyRing } from '../../../src/stores/sealed/key-file.ts';
import { type EtcdServer, testKeys } from './etcd-server.ts';

/** Never aborts. */
export const PATIENT = new AbortController().signal;

const SWEEP_MS = 10_000;

/** Stores on one etcd, below a prefix of the test's own, and a client behind their backs. */
export class EtcdScene implements AsyncDisposable {
  static #count = 0;
  readonly server: EtcdServer;
  readonly prefix: string;
  readonly keys: KeyRing;
  readonly behind: Etcd3;
  readonly #stores: EtcdStore[] = [];

  private constructor(server: EtcdServer, prefix: string, keys: KeyRing) {
    this.server = server;
    this.prefix = prefix;
    this.keys = keys;
    this.behind = server.client();
  }

  static async on(server: EtcdServer): Promise<EtcdScene> {
    EtcdScene.#count += 1;
    return new EtcdScene(server, `/scene-${EtcdScene.#count}`, await testKeys(server.directory.at('key')));
  }

  /** A store that looks for etcd, and may not have found it yet. */
  begin(options: Partial<EtcdStoreOptions> = {}): EtcdStore {
    const { server, prefix, keys } = this;
    const identity = { tls: undefined, login: undefined };
    const store = new EtcdStore({ endpoints: server.endpoints, prefix, identity, keys, ...options });
    this.#stores.push(store);
    store.start();
    return store;
  }

  /** A store that is in touch. */
  async open(options: Partial<EtcdStoreOptions> = {}): Promise<EtcdStore> {
    const store = this.begin(options);
    await store.ready(PATIENT);
    await inTouch(store);
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.behind.close();
    await Promise.all(this.#stores.map((store) => store[Symbol.asyncDispose]()));
  }
}

export async function apply(store: EtcdStore, draft: ObjectDraft): Promise<StoredObject> {
  return (await store.apply(draft, { createOnly: false, dryRun: false }, PATIENT)).object;
}

export function inTouch(store: EtcdStore): Promise<void> {
  return whenTouch(store, () => store.staleness.staleSince === undefined);
}

export function outOfTouch(store: EtcdStore): Promise<void> {
  return whenTouch(store, () => store.staleness.staleSince !== undefined);
}

async function whenTouch({ staleness }: EtcdStore, isSo: () => boolean): Promise<void> {
  if (isSo()) return;
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`etcd: ${staleness.problem ?? 'in touch'}`)), SWEEP_MS);
    const heard = staleness.onTouch(() => {
      if (!isSo()) return;
      clearTimeout(late);
      heard[Symbol.dispose]();
      resolve();
    });
  });
}

import { afterAll, beforeAll, describe } from 'vitest';
import { EtcdStore } from '../../src/stores/etcd/etcd-store.ts';
import type { Store } from '../../src/stores/store.ts';
import { EtcdServer, isEtcdThere, testKeys } from '../support/etcd/etcd-server.ts';
import { describeStore } from './store-contract.ts';

describe.runIf(isEtcdThere)('etcd (needs etcd)', () => {
  let server: EtcdServer;
  let stores = 0;

  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  describeStore('etcd store', async ({ historyEvents }) => {
    stores += 1;
    const store = new EtcdStore({
      endpoints: server.endpoints,
      prefix: `/store-${stores}`,
      identity: { tls: undefined, login: undefined },
      keys: await testKeys(server.directory.at('key')),
      watchEvents: historyEvents,
    });
    store.start();
    await store.ready(new AbortController().signal);
    const behind = server.client();
    return {
      store: compacting(store, historyEvents, (revision) => behind.kv.compact({ revision, physical: true })),
      dispose: async () => {
        await store[Symbol.asyncDispose]();
        behind.close();
      },
    };
  });
});

/** How far a watch can go back is for etcd to say, not for the store: here etcd keeps this many changes. */
function compacting(store: EtcdStore, events: number, compact: (revision: number) => Promise<unknown>): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'apply') {
        return async (...args: Parameters<Store['apply']>) => {
          const applied = await target.apply(...args);
          // Nothing to compact when nothing was written since.
          await compact(target.revision - events).catch(() => {});
          return applied;
        };
      }
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

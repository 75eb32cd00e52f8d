import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { TempDir } from '../support/suite/temp-dir.ts';
import { describeStore } from './store-contract.ts';

describeStore('embedded store', async ({ historyEvents }) => {
  const directory = new TempDir('/dev/shm');
  const data = directory.at('data');
  const store = await EmbeddedStore.open({ directory: data, keyFiles: [directory.at('key')], historyEvents });
  return {
    store,
    dispose: async () => {
      await store[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
});

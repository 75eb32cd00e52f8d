import { MemoryStore } from '../../src/stores/kept/memory-store.ts';
import { describeStore } from './store-contract.ts';

describeStore('memory store', async ({ historyEvents }) => ({
  store: new MemoryStore({ historyEvents }),
  dispose: async () => {},
}));

import { DirectWorld } from '../support/mount/direct-world.ts';
import { publisherContract } from './publisher-contract.ts';

publisherContract('direct', () => new DirectWorld(), {
  refusesFlags: true,
  isWritableByOwner: true,
  keepsDescriptors: true,
});

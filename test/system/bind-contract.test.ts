import { describe } from 'vitest';
import { publisherContract } from '../contract/publisher-contract.ts';
import { isRoot } from '../support/host/privileges.ts';
import { BindWorld } from '../support/mount/bind-world.ts';

describe.runIf(isRoot)('with real mounts (needs root)', () => {
  publisherContract('BindPublisher', () => new BindWorld());
});

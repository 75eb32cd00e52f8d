import { describe } from 'vitest';
import { publisherContract } from '../contract/publisher-contract.ts';
import { BindWorld } from '../support/bind-world.ts';
import { isRoot } from '../support/privileges.ts';

describe.runIf(isRoot)('with real mounts (needs root)', () => {
  publisherContract('BindPublisher', () => new BindWorld());
});

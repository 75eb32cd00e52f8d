import { describe, expect, test } from 'vitest';
import { type Ownership, readOwnership, requireGivable } from '../../../../src/mount/direct/ownership.ts';
import { buildPayload, type PayloadFile } from '../../../../src/payload/payload.ts';
import type { RelativePath } from '../../../../src/spec/relative-path.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';

const UNPRIVILEGED: Ownership = { canChangeOwners: false, user: 1000, groups: new Set([1000, 27]) };

function payloadOf(owner: Partial<PayloadFile>, mountGroup?: number) {
  const file = { bytes: Buffer.from('s3cret'), mode: 0o400, user: undefined, group: undefined, ...owner };
  return buildPayload(new Map([['key' as RelativePath, file]]), mountGroup);
}

describe('requireGivable', () => {
  test.each([
    ['nothing asked for', {}, undefined],
    ['the own user', { user: 1000 }, undefined],
    ['the own group', { group: 1000 }, undefined],
    ['a supplementary group', { group: 27 }, undefined],
    ['a supplementary mount group', {}, 27],
  ])('without privilege, %s is fine', (_, owner, mountGroup) => {
    expect(() => requireGivable(payloadOf(owner, mountGroup), UNPRIVILEGED)).not.toThrow();
  });

  test.each([
    ['root', { user: 0 }, undefined, 'give "key" to the user 0'],
    ['another group', { group: 28 }, undefined, 'give "key" to the group 28'],
    ['another mount group', {}, 28, 'the mount group 28'],
  ])('without privilege, %s is refused, with what to do', (_, owner, mountGroup, text) => {
    const payload = payloadOf(owner, mountGroup);
    expect(lanternErrorOf(() => requireGivable(payload, UNPRIVILEGED))).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(new RegExp(`${text}.*CAP_CHOWN`)),
    });
    expect(() => requireGivable(payload, { ...UNPRIVILEGED, canChangeOwners: true })).not.toThrow();
  });
});

test('readOwnership knows this process', () => {
  const { user, groups } = readOwnership();
  expect(user).toBe(process.geteuid?.());
  expect(groups).toContain(process.getegid?.());
});

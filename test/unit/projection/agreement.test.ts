import { describe, expect, it } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import type { PublishRequest } from '../../../src/projection/projector.ts';
import { relativePath } from '../../support/objects/builders.ts';
import { inline, ProjectionWorld } from '../../support/projection/projection-world.ts';

const POD = { name: 'p', uid: 'u1', labels: new Map(), annotations: new Map(), serviceAccountName: '', containers: [] };
const INPUTS = { data: new Map([['k', Buffer.from('v')]]), tokens: new Map() };
const TOKENS = { data: new Map(), tokens: new Map([['a', { token: 't', expirationTimestamp: '' }]]) };

type Case = readonly [what: string, change: Partial<PublishRequest>, code: string | undefined];

// The CSI specification's answers to a repeated NodePublishVolume: a difference in what is wanted is an update, one in
// how it is mounted is refused.
const SAME_TARGET: readonly Case[] = [
  ['nothing', {}, undefined],
  ['the spec', { definition: inline({ secret: { secretName: 'db', items: [{ key: 'a', path: 'b' }] } }) }, undefined],
  ['the inputs', { inputs: INPUTS }, undefined],
  ['the tokens', { inputs: TOKENS }, undefined],
  ['the access mode', { accessMode: 'MULTI_NODE_READER_ONLY' }, 'already-exists'],
  ['readonly', { readonly: false }, 'already-exists'],
  ['the subPath', { subPath: relativePath('a') }, 'already-exists'],
  ['the mount flags', { mountFlags: ['noexec'] }, 'already-exists'],
  ['the mount group', { mountGroup: 7 }, 'already-exists'],
  ['the pod', { pod: POD }, 'already-exists'],
  ['the namespace', { namespace: 'other' }, 'already-exists'],
];

const OTHER_TARGET: readonly Case[] = [
  ['nothing', {}, undefined],
  ['the subPath', { subPath: relativePath('a') }, undefined],
  ['to another mode for several targets', { accessMode: 'MULTI_NODE_READER_ONLY' }, undefined],
  ['to a mode for one target', { accessMode: 'SINGLE_NODE_SINGLE_WRITER' }, 'failed-precondition'],
  ['to a mode for one node', { accessMode: 'SINGLE_NODE_WRITER' }, 'failed-precondition'],
  ['the pod', { pod: POD }, 'failed-precondition'],
  ['the account', { pod: { ...POD, uid: '', serviceAccountName: 'web' } }, 'failed-precondition'],
  ['the mount group', { mountGroup: 7 }, 'failed-precondition'],
  ['the inputs', { inputs: INPUTS }, 'failed-precondition'],
  ['the tokens', { inputs: TOKENS }, 'failed-precondition'],
  ['the namespace', { namespace: 'other' }, 'already-exists'],
];

/** Publishes `first`, then `second`; the code of the refusal, which must have disturbed nothing. */
async function refusalOf(
  second: (world: ProjectionWorld) => Partial<PublishRequest>,
  first: Partial<PublishRequest> = {},
): Promise<string | undefined> {
  await using world = new ProjectionWorld();
  await world.start();
  await world.apply('db', { a: '1' });
  await world.publish(first);
  const before = world.mounter.table();
  const refusal: unknown = await world.publish(second(world)).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (refusal === undefined) return undefined;
  expect(world.mounter.table()).toEqual(before);
  expect(world.files()).toEqual({ a: '1' });
  return refusal instanceof LanternError ? refusal.code : String(refusal);
}

describe('publishing again', () => {
  it.each(SAME_TARGET)('at the same target, changing %s', async (_, change, code) => {
    expect(await refusalOf(() => change)).toBe(code);
  });

  it.each(OTHER_TARGET)('at another target, changing %s', async (_, change, code) => {
    expect(await refusalOf((world) => ({ ...change, target: world.target('other') }))).toBe(code);
  });

  it('at another target, where the first is for one target only', async () => {
    const first = { accessMode: 'SINGLE_NODE_SINGLE_WRITER' } as const;
    expect(await refusalOf((world) => ({ target: world.target('other') }), first)).toBe('failed-precondition');
  });
});

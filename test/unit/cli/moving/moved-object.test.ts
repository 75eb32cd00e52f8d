import { describe, expect, test } from 'vitest';
import { isKeptByDaemon, keyIdsOf, keySetIn, moveOf } from '../../../../src/cli/moving/moved-object.ts';
import { SIGNING_KEYS, type StoredObject, type StoredSecret } from '../../../../src/objects/object.ts';
import type { Store } from '../../../../src/stores/store.ts';
import { SIGNING_KEYS_DATA } from '../../../../src/tokens/signing-keys.ts';
import { lastingClaims } from '../../../../src/tokens/token-signer.ts';
import { bytesByKey, configMapDraft, secretDraft, stored } from '../../../support/objects/builders.ts';
import { ISSUER, SigningWorld, tokenRequest, verified } from '../../../support/projection/signing-world.ts';

const NEVER = new AbortController().signal;
const ACCOUNT = 'kubernetes.io/service-account.name';
const UID = 'kubernetes.io/service-account.uid';

async function keysIn(store: Store): Promise<StoredObject> {
  const object = await store.get(SIGNING_KEYS, NEVER);
  if (object === undefined) throw new Error('no keys yet');
  return object;
}

/** Stores what becomes of `from`'s keys at `to`; whether anything changed. */
async function moveKeys(from: SigningWorld, to: SigningWorld): Promise<string> {
  const [coming, current] = [await keysIn(from.store), await keysIn(to.store)];
  const { object, isMerged } = await moveOf(coming, current, { keyIds: [], now: to.clock.now() });
  expect(isMerged).toBe(true);
  return (await to.store.apply(object, { createOnly: false, dryRun: false }, NEVER)).outcome;
}

describe('signing keys', () => {
  test('tokens of both stores verify, the moved key signs, and a repeat changes nothing', async () => {
    const from = new SigningWorld();
    const to = new SigningWorld({ clock: from.clock });
    const [theirs, ours] = [
      await from.signer.issue(tokenRequest(), NEVER),
      await to.signer.issue(tokenRequest(), NEVER),
    ];
    expect(await moveKeys(from, to)).toBe('configured');
    const now = from.clock.now();
    for (const { token } of [theirs, ours]) await verified(token, await to.signer.publicKeys(NEVER), now);
    expect((await to.signer.keyIds(NEVER))[0]).toBe((await from.signer.keyIds(NEVER))[0]);
    expect(await moveKeys(from, to)).toBe('unchanged');
  });

  test('a rotation here after the move is not undone by a repeat', async () => {
    const from = new SigningWorld();
    const to = new SigningWorld({ clock: from.clock });
    await from.signer.rotate(NEVER);
    await to.signer.rotate(NEVER);
    await moveKeys(from, to);
    const newest = await to.signer.rotate(NEVER);
    expect(await moveKeys(from, to)).toBe('unchanged');
    expect((await to.signer.keyIds(NEVER))[0]).toBe(newest);
    expect(await to.signer.keyIds(NEVER)).toHaveLength(5);
  });

  test('an old archive does not revive a key whose time is over here', async () => {
    const from = new SigningWorld();
    const to = new SigningWorld({ clock: from.clock });
    for (const world of [from, to]) await world.signer.keyIds(NEVER);
    await moveKeys(from, to);
    await to.signer.rotate(NEVER);
    from.clock.advance(90 * 86_400_000);
    const newest = await to.signer.rotate(NEVER);
    await moveKeys(from, to);
    expect((await to.signer.keyIds(NEVER))[0]).toBe(newest);
    expect((await keySetIn(await keysIn(to.store)))?.signing.kid).toBe(newest);
  });

  test('a rotation there after the move counts here with the next one, and knows a longer life', async () => {
    const from = new SigningWorld();
    const to = new SigningWorld({ clock: from.clock });
    for (const world of [from, to]) await world.signer.keyIds(NEVER);
    await moveKeys(from, to);
    await from.signer.issue(tokenRequest({ expirationSeconds: 999_999 }), NEVER);
    expect(await moveKeys(from, to)).toBe('configured');
    expect((await keySetIn(await keysIn(to.store)))?.longestSeconds).toBe(999_999);
    const newest = await from.signer.rotate(NEVER);
    expect(await moveKeys(from, to)).toBe('configured');
    const here = await to.signer.keyIds(NEVER);
    expect(here[0]).toBe(newest);
    expect(here).toHaveLength(3);
    const long = (await keySetIn(await keysIn(to.store)))?.retired.map(({ untilSeconds }) => untilSeconds) ?? [];
    expect(Math.max(...long)).toBeGreaterThanOrEqual(from.clock.now() / 1000 + 999_999);
  });

  test('what holds no keys is an object like others', async () => {
    const world = new SigningWorld();
    await world.signer.keyIds(NEVER);
    const good = await keysIn(world.store);
    const bad = { ...(good as StoredSecret), data: bytesByKey({ [SIGNING_KEYS_DATA]: '{"signing":"pl4nted"}' }) };
    for (const [object, current] of [
      [good, bad],
      [bad, good],
    ] as const) {
      expect(await moveOf(object, current, { keyIds: [], now: 0 })).toEqual({ object, isMerged: false });
    }
    expect(keyIdsOf(await keySetIn(bad))).toEqual([]);
    expect((await moveOf(good, undefined, { keyIds: [], now: 0 })).object).toEqual(good);
  });
});

describe('token Secrets', () => {
  const world = new SigningWorld();

  async function tokenSecret(uid: string, token: string | undefined, more: Record<string, string> = {}) {
    const annotations = new Map([
      [ACCOUNT, 'robot'],
      [UID, uid],
    ]);
    const values = { ...more, ...(token !== undefined && { token }) };
    const type = 'kubernetes.io/service-account-token';
    return stored(secretDraft('t', values, { type, metadata: { annotations } }));
  }

  const ours = (uid: string) =>
    world.signer.issueLasting(lastingClaims({ namespace: 'default', name: 'robot', uid }, 't', ISSUER), NEVER);

  const move = async (object: StoredObject, current: StoredObject | undefined) => {
    const moved = await moveOf(object, current, { keyIds: await world.signer.keyIds(NEVER), now: 0 });
    expect(moved.isMerged).toBe(false);
    return moved.object;
  };

  test('lose the mark of the other account and keep everything else', async () => {
    const object = await tokenSecret('there', await ours('there'), { extra: 'mine', 'ca.crt': 'theirs' });
    const moved = await move(object, undefined);
    expect([...moved.metadata.annotations]).toEqual([[ACCOUNT, 'robot']]);
    expect(moved).toMatchObject({ data: (object as StoredSecret).data });
    expect(object.metadata.annotations.get(UID)).toBe('there');
  });

  test('that the daemon has filled anew stay as it filled them', async () => {
    const object = await tokenSecret('there', await ours('there'), { extra: 'mine' });
    const current = await tokenSecret('here', await ours('here'), {
      extra: 'mine',
      namespace: 'default',
      'ca.crt': 'x',
    });
    expect(await move(object, current)).toMatchObject({ data: (current as StoredSecret).data });
    expect((await move(object, current)).metadata.annotations.get(UID)).toBe('here');
    const changed = await tokenSecret('here', await ours('here'), { extra: 'other' });
    expect((await move(object, changed)) as StoredSecret).toMatchObject({
      data: expect.toSatisfy((data: StoredSecret['data']) => String(data.get('extra')) === 'mine'),
    });
  });

  test("somebody else's token is the user's: it is neither lost nor hidden behind the daemon's", async () => {
    const foreign = await tokenSecret('there', 'some.other.token');
    for (const current of [await tokenSecret('here', await ours('here')), await tokenSecret('here', 'another.token')]) {
      const { data } = (await move(foreign, current)) as StoredSecret;
      expect(String(data.get('token'))).toBe('some.other.token');
    }
    const current = await tokenSecret('here', 'some.other.token', { namespace: 'default' });
    expect((await move(foreign, current)) as StoredSecret).toMatchObject({ data: (current as StoredSecret).data });
  });

  test('of another account, or another type, have nothing to give', async () => {
    const object = await tokenSecret('there', await ours('there'));
    const other = await tokenSecret('here', await ours('here'));
    const annotations = new Map(other.metadata.annotations).set(ACCOUNT, 'else');
    const ofOther = { ...other, metadata: { ...other.metadata, annotations } };
    for (const current of [ofOther, stored(secretDraft('t', { token: 'x' })), stored(configMapDraft('t'))]) {
      expect((await move(object, current)) as StoredSecret).toMatchObject({ data: (object as StoredSecret).data });
    }
  });
});

test('nothing else is looked at', async () => {
  for (const draft of [secretDraft('x'), configMapDraft('service-account-signing-keys')]) {
    const object = stored(draft);
    expect(isKeptByDaemon(object)).toBe(false);
    expect((await moveOf(object, undefined, { keyIds: [], now: 0 })).object).toBe(object);
  }
});

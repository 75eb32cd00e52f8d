import fc from 'fast-check';
import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import { SIGNING_KEYS } from '../../../src/objects/object.ts';
import { ISSUER, SigningWorld, tokenRequest, verified } from '../../support/projection/signing-world.ts';

const NEVER = new AbortController().signal;
const LONGEST = 2 ** 32;

test("a token says what Kubernetes' bound tokens say", async () => {
  const { signer, clock } = new SigningWorld();
  const account = { namespace: 'shop', name: 'cart', uid: 'uid-of-cart' };
  const pod = { name: 'cart-0', uid: 'uid-of-cart-0' };
  const request = { account, audiences: ['vault', 'https://api.example'], expirationSeconds: 600, pod };
  const { token, issuedAt, expiresAt } = await signer.issue(request, NEVER);
  const { payload, protectedHeader } = await verified(token, await signer.publicKeys(NEVER), clock.now());
  const now = Math.floor(clock.now() / 1000);
  expect(payload).toEqual({
    iss: ISSUER,
    sub: 'system:serviceaccount:shop:cart',
    aud: ['vault', 'https://api.example'],
    iat: now,
    nbf: now,
    exp: now + 600,
    jti: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
    'kubernetes.io': {
      namespace: 'shop',
      pod: { name: 'cart-0', uid: 'uid-of-cart-0' },
      serviceaccount: { name: 'cart', uid: 'uid-of-cart' },
    },
  });
  expect({ issuedAt, expiresAt }).toEqual({ issuedAt: now * 1000, expiresAt: (now + 600) * 1000 });
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: (await signer.keyIds(NEVER))[0] });
});

test('a token without a pod says nothing of one, and no two are the same', async () => {
  const { signer, clock } = new SigningWorld();
  const [one, other] = await Promise.all([signer.issue(tokenRequest(), NEVER), signer.issue(tokenRequest(), NEVER)]);
  const keys = await signer.publicKeys(NEVER);
  const { payload } = await verified(one.token, keys, clock.now());
  expect(payload['kubernetes.io']).not.toHaveProperty('pod');
  expect(payload.jti).not.toBe((await verified(other.token, keys, clock.now())).payload.jti);
});

test('what is public is public only, and named by its thumbprint', async () => {
  const { signer } = new SigningWorld();
  await signer.rotate(NEVER);
  const { keys } = await signer.publicKeys(NEVER);
  expect(keys).toHaveLength(2);
  for (const key of keys) {
    expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(key).toMatchObject({ use: 'sig', alg: 'ES256', kid: await calculateJwkThumbprint({ ...key }) });
  }
});

test('a token of another daemon does not verify', async () => {
  const { signer, clock } = new SigningWorld();
  const { token } = await new SigningWorld().signer.issue(tokenRequest(), NEVER);
  await expect(verified(token, await signer.publicKeys(NEVER), clock.now())).rejects.toThrow();
});

test('after a rotation the new key signs, and the old tokens verify until they expire; then the old key goes', async () => {
  const { signer, clock } = new SigningWorld();
  const { token, expiresAt } = await signer.issue(tokenRequest({ expirationSeconds: LONGEST }), NEVER);
  const [oldId] = await signer.keyIds(NEVER);
  const newId = await signer.rotate(NEVER);
  const next = await signer.issue(tokenRequest(), NEVER);
  expect(decodeProtectedHeader(next.token).kid).toBe(newId);
  clock.advance(expiresAt - 1000 - clock.now());
  await verified(token, await signer.publicKeys(NEVER), clock.now());
  // An hour is given to daemons that have not heard of the rotation yet.
  clock.advance(3_600_000 + 1000);
  expect((await signer.publicKeys(NEVER)).keys.map(({ kid }) => kid)).toEqual([newId]);
  expect(oldId).not.toBe(newId);
});

test('it vouches for what verifies: across a rotation, but not once the keys are others', async () => {
  const { signer, store } = new SigningWorld();
  const { token } = await signer.issue(tokenRequest(), NEVER);
  await signer.rotate(NEVER);
  expect(await signer.vouchesFor(token, NEVER)).toBe(true);
  expect(await signer.vouchesFor('no token at all', NEVER)).toBe(false);
  await store.delete(SIGNING_KEYS, undefined, NEVER);
  expect(await signer.vouchesFor(token, NEVER)).toBe(false);
});

test('whatever is signed, rotated and waited for, on two daemons: every token that has not expired verifies', async () => {
  const step = fc.oneof(
    fc.record({ node: fc.nat(1), issueFor: fc.integer({ min: 600, max: 400_000 }) }),
    fc.record({ node: fc.nat(1), rotate: fc.constant(true) }),
    fc.record({ waitSeconds: fc.integer({ min: 1, max: 200_000 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const first = new SigningWorld();
      const nodes = [first, new SigningWorld(first)];
      const { clock } = first;
      const issued: { token: string; expiresAt: number }[] = [];
      for (const each of steps) {
        const { signer } = nodes['node' in each ? each.node : 0] ?? first;
        if ('waitSeconds' in each) clock.advance(each.waitSeconds * 1000);
        else if ('rotate' in each) await signer.rotate(NEVER);
        else issued.push(await signer.issue(tokenRequest({ expirationSeconds: each.issueFor }), NEVER));
        for (const { token, expiresAt } of issued) {
          if (expiresAt > clock.now()) await verified(token, await first.signer.publicKeys(NEVER), clock.now());
        }
      }
    }),
    { numRuns: 40 },
  );
});

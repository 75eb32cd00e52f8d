import { beforeEach, describe, expect, test } from 'vitest';
import { type ObjectRef, SIGNING_KEYS, type StoredObject } from '../../../src/objects/object.ts';
import { MemoryStore } from '../../../src/stores/kept/memory-store.ts';
import { SigningKeys } from '../../../src/tokens/signing-keys.ts';
import { secretDraft } from '../../support/objects/builders.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { rejectionOf } from '../../support/suite/expectations.ts';

const NEVER = new AbortController().signal;
const CREATE_ONLY = { createOnly: true, dryRun: false };
const REPLACE = { createOnly: false, dryRun: false };

/** Counts what is read. */
class CountingStore extends MemoryStore {
  reads = 0;

  override get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    this.reads++;
    return super.get(ref, signal);
  }
}

const clock = new ManualClock();
let store: CountingStore;
let here: SigningKeys;
let there: SigningKeys;
beforeEach(() => {
  store = new CountingStore({ clock });
  here = new SigningKeys({ store, clock });
  there = new SigningKeys({ store, clock });
});

async function keyId(keys: SigningKeys): Promise<string> {
  return (await keys.current(NEVER)).set.signing.kid;
}

test('two daemons that make the first key at once agree on one', async () => {
  const [one, other] = await Promise.all([keyId(here), keyId(there)]);
  expect(one).toBe(other);
  expect(await keyId(here)).toBe(one);
});

test('the store is read once, not for every token', async () => {
  await here.current(NEVER);
  await here.current(NEVER);
  const before = store.reads;
  for (let use = 0; use < 5; use++) await here.covering(3_600, NEVER);
  expect(store.reads).toBe(before);
});

test("another daemon's rotation counts at once, and tells whoever listens", async () => {
  const first = await keyId(here);
  let told = 0;
  using _listening = here.onChange(() => told++);
  const { set } = await there.rotate(NEVER);
  expect(told).toBe(1);
  expect(await keyId(here)).toBe(set.signing.kid);
  expect(set.signing.kid).not.toBe(first);
});

test('rotations at the same time all count: no key that signed is lost', async () => {
  const first = await keyId(here);
  const rotated = await Promise.all([here.rotate(NEVER), there.rotate(NEVER), here.rotate(NEVER)]);
  const { set } = await there.current(NEVER);
  const known = [set.signing.kid, ...set.retired.map(({ key }) => key.kid)];
  expect(known.sort()).toEqual([first, ...rotated.map((each) => each.set.signing.kid)].sort());
});

test('of a key that is retired the private half is gone', async () => {
  const { set } = await here.current(NEVER);
  await here.rotate(NEVER);
  expect(JSON.stringify(await contents())).not.toContain(set.signing.d);
  expect(JSON.stringify(await contents())).toContain(set.signing.kid);
});

test('a longer life is stored before it is promised', async () => {
  await here.current(NEVER);
  expect((await here.covering(100 * 86_400, NEVER)).set.longestSeconds).toBe(100 * 86_400);
  expect((await there.current(NEVER)).set.longestSeconds).toBe(100 * 86_400);
});

test('with the Secret gone there is a new key', async () => {
  const first = await keyId(here);
  await store.delete(SIGNING_KEYS, undefined, NEVER);
  const second = await keyId(here);
  expect(second).not.toBe(first);
  expect(await keyId(there)).toBe(second);
});

test('nothing is made in a store that is still being filled', async () => {
  const filling = new MemoryStore({ clock, ready: false });
  using keys = new SigningKeys({ store: filling, clock });
  expect((await rejectionOf(keys.current(NEVER))).code).toBe('unavailable');
  filling.markReady();
  expect((await filling.list({ kind: 'Secret' }, NEVER)).objects).toEqual([]);
});

describe('a Secret that was tampered with', () => {
  type Json = Record<string, unknown>;
  const edits: readonly (readonly [what: string, edit: (set: Json, signing: Json, other: Json) => unknown])[] = [
    ['is no JSON', () => undefined],
    ['has no signing key', ({ signing: _, ...rest }) => rest],
    ['has a member of its own', (set) => ({ ...set, extra: true })],
    ['has a short number', (set, signing) => ({ ...set, signing: { ...signing, d: 'AAAA' } })],
    ['has another private half', (set, signing, other) => ({ ...set, signing: { ...signing, d: other.d } })],
    ['has another public half', (set, signing, { x, y }) => ({ ...set, signing: { ...signing, x, y } })],
    ['has a point off the curve', (set, signing, { x }) => ({ ...set, signing: { ...signing, x } })],
    ['has another id', (set, signing, { kid }) => ({ ...set, signing: { ...signing, kid } })],
    ['has a retired key without an end', (set) => ({ ...set, retired: [{}] })],
  ];

  test.each(edits)('%s: says so, without a byte of it', async (_what, edit) => {
    const { signing } = (await here.current(NEVER)).set;
    const foreign = new SigningKeys({ store: new MemoryStore({ clock }), clock });
    const other = (await foreign.current(NEVER)).set.signing;
    const set = JSON.parse(await contents()) as Json;
    const edited = edit(set, signing, other);
    await overwrite(edited === undefined ? `{"d": "${signing.d}"` : JSON.stringify(edited));
    const { code, message } = await rejectionOf(here.current(NEVER));
    expect(code).toBe('data-loss');
    expect(message).toContain('Secret lantern-system/service-account-signing-keys');
    for (const bytes of [signing.d, signing.x, other.d]) expect(message).not.toContain(bytes);
    expect((await rejectionOf(here.rotate(NEVER))).code).toBe('data-loss');
  });

  test('another Secret of that name', async () => {
    const { namespace, name } = SIGNING_KEYS;
    await store.apply(secretDraft(name, { 'keys.json': '{}' }, { metadata: { namespace } }), CREATE_ONLY, NEVER);
    expect((await rejectionOf(here.current(NEVER))).code).toBe('data-loss');
  });

  async function overwrite(text: string): Promise<void> {
    const { namespace, name } = SIGNING_KEYS;
    const draft = secretDraft(
      name,
      { 'keys.json': text },
      { metadata: { namespace }, type: 'lantern.dev/signing-keys' },
    );
    await store.apply(draft, REPLACE, NEVER);
  }
});

async function contents(): Promise<string> {
  const object = await store.get(SIGNING_KEYS, NEVER);
  if (object?.kind !== 'Secret') throw new Error('there is no such Secret');
  return Buffer.from(object.data.get('keys.json') ?? '').toString();
}

import { writeFileSync } from 'node:fs';
import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import {
  defaultAccountOf,
  type ObjectDraft,
  type ObjectRef,
  SIGNING_KEYS,
  type StoredObject,
  type StoredSecret,
} from '../../../src/objects/object.ts';
import { MemoryStore } from '../../../src/stores/kept/memory-store.ts';
import type { Applied, ApplyOptions, ListFilter, ObjectList } from '../../../src/stores/store.ts';
import { TokenSecrets } from '../../../src/tokens/token-secrets.ts';
import { bytesByKey, secretDraft, serviceAccountDraft } from '../../support/objects/builders.ts';
import { ISSUER, SigningWorld, verified } from '../../support/projection/signing-world.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { LogLines } from '../../support/suite/log-lines.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

const NEVER = new AbortController().signal;
const APPLY = { createOnly: false, dryRun: false };
const NAME = 'kubernetes.io/service-account.name';
const UID = 'kubernetes.io/service-account.uid';
const TYPE = 'kubernetes.io/service-account-token';

/** A store in whose way a test can stand. */
class ObstructedStore extends MemoryStore {
  beforeApply: (draft: ObjectDraft) => Promise<void> = async () => {};
  beforeDelete: () => Promise<void> = async () => {};
  beforeList: (filter: ListFilter) => void = () => {};
  beforeGet: (ref: ObjectRef) => void = () => {};

  override async apply(draft: ObjectDraft, options: ApplyOptions, signal: AbortSignal): Promise<Applied> {
    if (signal !== NEVER) await this.beforeApply(draft);
    return await super.apply(draft, options, signal);
  }

  override async delete(ref: ObjectRef, resourceVersion: string | undefined, signal: AbortSignal) {
    if (signal !== NEVER) await this.beforeDelete();
    return await super.delete(ref, resourceVersion, signal);
  }

  override async get(ref: ObjectRef, signal: AbortSignal): Promise<StoredObject | undefined> {
    if (signal !== NEVER && ref.name !== SIGNING_KEYS.name) this.beforeGet(ref);
    return await super.get(ref, signal);
  }

  override async list(filter: ListFilter, signal: AbortSignal): Promise<ObjectList> {
    if (signal !== NEVER) this.beforeList(filter);
    return await super.list(filter, signal);
  }
}

let clock: ManualClock;
let store: ObstructedStore;
let world: SigningWorld;
let log: LogLines;
let running: TokenSecrets[];
beforeEach(async () => {
  clock = new ManualClock();
  store = new ObstructedStore({ clock });
  world = new SigningWorld({ clock, store });
  log = new LogLines();
  running = [];
  // Making the keys is a change after which everything is looked at again, whatever else happened.
  await world.keys.current(NEVER);
});
afterEach(async () => {
  for (const each of running) await each[Symbol.asyncDispose]();
});

function start(rootCa?: string, on = world): TokenSecrets {
  const { keys, signer } = on;
  const controller = new TokenSecrets({ store: on.store, keys, signer, rootCa, clock, log: log.log });
  running.push(controller);
  controller.start();
  return controller;
}

function tokenSecret(name: string, account: string, values: Record<string, string> = {}): ObjectDraft {
  return secretDraft(name, values, { type: TYPE, metadata: { annotations: new Map([[NAME, account]]) } });
}

const apply = (draft: ObjectDraft) => store.apply(draft, APPLY, NEVER);
const refTo = (name: string): ObjectRef => ({ kind: 'Secret', namespace: 'default', name });

/** Resolves as soon as the Secret is so. */
async function secretWhere(name: string, isSo: (secret: StoredSecret) => boolean): Promise<StoredSecret> {
  return (await objectWhere(name, (found) => found?.kind === 'Secret' && isSo(found))) as StoredSecret;
}

async function objectWhere(name: string, isSo: (object: StoredObject | undefined) => boolean) {
  const over = new AbortController();
  try {
    const changes = store.watch({ kind: 'Secret' }, over.signal)[Symbol.asyncIterator]();
    for (;;) {
      const found = await store.get(refTo(name), NEVER);
      if (isSo(found)) return found;
      await changes.next();
    }
  } finally {
    over.abort();
  }
}

const hasToken = ({ data }: StoredSecret) => data.has('token');
const tokenOf = ({ data }: StoredSecret) => Buffer.from(data.get('token') ?? '').toString();
const keyIdOf = (secret: StoredSecret) => decodeProtectedHeader(tokenOf(secret)).kid;

/** What came before is dealt with: one is looked at after the other, by time or by name, and this one is the last. */
async function caughtUp(): Promise<void> {
  await apply(tokenSecret('zzz', 'default'));
  await secretWhere('zzz', hasToken);
  await store.delete(refTo('zzz'), undefined, NEVER);
}

test('a Secret is filled as Kubernetes fills it, and what was in it stays', async () => {
  using directory = new TempDir();
  writeFileSync(directory.at('ca.pem'), 'a root certificate');
  const { object: account } = await apply(serviceAccountDraft('robot'));
  start(directory.at('ca.pem'));
  await apply(tokenSecret('robot-token', 'robot', { extra: 'kept' }));
  const secret = await secretWhere('robot-token', hasToken);
  const { payload } = await verified(tokenOf(secret), await world.signer.publicKeys(NEVER), clock.now());
  expect(payload).toEqual({
    iss: ISSUER,
    sub: 'system:serviceaccount:default:robot',
    'kubernetes.io/serviceaccount/namespace': 'default',
    'kubernetes.io/serviceaccount/secret.name': 'robot-token',
    'kubernetes.io/serviceaccount/service-account.name': 'robot',
    'kubernetes.io/serviceaccount/service-account.uid': account.metadata.uid,
  });
  const others = { extra: 'kept', namespace: 'default', 'ca.crt': 'a root certificate' };
  expect(secret.data).toEqual(bytesByKey({ ...others, token: tokenOf(secret) }));
  expect(secret.metadata.annotations.get(UID)).toBe(account.metadata.uid);
});

test('one that was there before the daemon is filled, and so is one of the default account', async () => {
  await apply(tokenSecret('old', 'default'));
  start();
  const secret = await secretWhere('old', hasToken);
  expect(secret.metadata.annotations.get(UID)).toBe(defaultAccountOf('default').metadata.uid);
  expect(secret.data.has('ca.crt')).toBe(false);
});

test('a Secret that is as it should be is not written again', async () => {
  start();
  await apply(tokenSecret('quiet', 'default'));
  const { metadata } = await secretWhere('quiet', hasToken);
  await apply(serviceAccountDraft('somebody-else'));
  await caughtUp();
  await running[0]?.[Symbol.asyncDispose]();
  const written: string[] = [];
  store.beforeApply = async (draft) => void written.push(draft.metadata.name);
  start();
  await caughtUp();
  expect((await store.get(refTo('quiet'), NEVER))?.metadata).toEqual(metadata);
  expect(written).not.toContain('quiet');
});

test('however many there are, a start takes two lists, and a changed account takes one', async () => {
  for (const name of ['one', 'two', 'three']) {
    await apply(serviceAccountDraft(name));
    for (const kind of ['a', 'b']) await apply(tokenSecret(`${name}-${kind}`, name));
  }
  const asked: string[] = [];
  store.beforeList = ({ kind, namespace }) => void asked.push(`list ${kind} ${namespace ?? ''}`);
  store.beforeGet = ({ kind, name }) => void asked.push(`get ${kind} ${name}`);
  start();
  await secretWhere('two-b', hasToken);
  // What comes after them is the watch, which tells of what was filled.
  expect(asked.slice(0, 2)).toEqual(['list Secret ', 'list ServiceAccount ']);
  await caughtUp();
  asked.length = 0;
  await store.delete({ kind: 'ServiceAccount', namespace: 'default', name: 'one' }, undefined, NEVER);
  for (const name of ['one-a', 'one-b']) await objectWhere(name, (found) => found === undefined);
  expect(asked).toEqual(['get ServiceAccount one', 'list Secret default']);
});

test('two daemons with different settings on one store do not write for ever', async () => {
  using directory = new TempDir();
  await apply(tokenSecret('contested', 'default'));
  for (const name of ['one', 'other']) {
    writeFileSync(directory.at(name), name);
    start(directory.at(name), new SigningWorld({ clock, store }, `https://${name}.example`));
    // Each has its way once.
    await secretWhere('contested', ({ data }) => data.get('ca.crt')?.toString() === name);
  }
  const { metadata } = await secretWhere('contested', hasToken);
  for (let round = 0; round < 3; round++) await caughtUp();
  expect((await store.get(refTo('contested'), NEVER))?.metadata).toEqual(metadata);
});

test('it is filled when its account appears, and not before', async () => {
  start();
  await apply(tokenSecret('early', 'late'));
  await caughtUp();
  expect((await secretWhere('early', () => true)).data.size).toBe(0);
  await apply(serviceAccountDraft('late'));
  await secretWhere('early', hasToken);
});

test.each([
  ['taken out', {}],
  ['emptied', { token: '' }],
])('a token that was %s comes back', async (_how, values) => {
  start();
  await apply(tokenSecret('robot-token', 'default'));
  await secretWhere('robot-token', hasToken);
  await apply(tokenSecret('robot-token', 'default', values));
  await secretWhere('robot-token', (secret) => tokenOf(secret) !== '' && secret.metadata.annotations.has(UID));
});

test("a token of somebody else's is left alone", async () => {
  const other = await new SigningWorld().signer.issueLasting({ iss: 'https://elsewhere.example' }, NEVER);
  start();
  for (const [name, token] of Object.entries({ foreign: other, opaque: 'no-jwt-at-all' })) {
    await apply(tokenSecret(name, 'default', { token }));
    const secret = await secretWhere(name, ({ data }) => data.has('namespace'));
    expect(tokenOf(secret)).toBe(token);
  }
});

test('a token of ours that says something else is replaced', async () => {
  const { signer } = world;
  const wrong = await signer.issueLasting({ iss: ISSUER, sub: 'system:serviceaccount:default:root' }, NEVER);
  start();
  await apply(tokenSecret('robot-token', 'default', { token: wrong }));
  await secretWhere('robot-token', (secret) => tokenOf(secret) !== wrong);
});

describe('when its account is deleted', () => {
  test('the Secret goes; one that was never filled waits, and others stay', async () => {
    await apply(serviceAccountDraft('robot'));
    start();
    await apply(tokenSecret('robot-token', 'robot'));
    await secretWhere('robot-token', hasToken);
    await apply(tokenSecret('waiting', 'nobody'));
    await apply(secretDraft('plain', { k: 'v' }, { metadata: { annotations: new Map([[NAME, 'robot']]) } }));
    await store.delete({ kind: 'ServiceAccount', namespace: 'default', name: 'robot' }, undefined, NEVER);
    await objectWhere('robot-token', (found) => found === undefined);
    await caughtUp();
    const { objects } = await store.list({ kind: 'Secret', namespace: 'default' }, NEVER);
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['plain', 'waiting']);
  });

  test('the Secret goes too when that happened while no daemon ran, and a new account has the name', async () => {
    await apply(serviceAccountDraft('robot'));
    const first = start();
    await apply(tokenSecret('robot-token', 'robot'));
    await secretWhere('robot-token', hasToken);
    await first[Symbol.asyncDispose]();
    await store.delete({ kind: 'ServiceAccount', namespace: 'default', name: 'robot' }, undefined, NEVER);
    await apply(serviceAccountDraft('robot'));
    start();
    await objectWhere('robot-token', (found) => found === undefined);
  });

  test('one that came from a cluster, token and mark of its account and all, stays', async () => {
    const token = await new SigningWorld().signer.issueLasting({ iss: 'https://cluster.example' }, NEVER);
    const annotations = new Map([
      [NAME, 'robot'],
      [UID, 'uid-of-the-cluster'],
    ]);
    start();
    await apply(secretDraft('migrated', { token }, { type: TYPE, metadata: { annotations } }));
    await caughtUp();
    await apply(serviceAccountDraft('robot'));
    await store.delete({ kind: 'ServiceAccount', namespace: 'default', name: 'robot' }, undefined, NEVER);
    await caughtUp();
    expect(tokenOf(await secretWhere('migrated', () => true))).toBe(token);
  });

  test('one that came from another daemon is filled anew, not deleted', async () => {
    await apply(serviceAccountDraft('robot'));
    const token = await new SigningWorld().signer.issueLasting({ iss: ISSUER }, NEVER);
    const annotations = new Map([
      [NAME, 'robot'],
      [UID, 'uid-of-another-store'],
    ]);
    start();
    await apply(secretDraft('moved', { token }, { type: TYPE, metadata: { annotations } }));
    const keys = await world.signer.publicKeys(NEVER);
    await verified(tokenOf(await secretWhere('moved', (secret) => tokenOf(secret) !== token)), keys, clock.now());
  });

  test('that of the default account is filled anew: the account exists always', async () => {
    await apply(serviceAccountDraft('default'));
    start();
    await apply(tokenSecret('robot-token', 'default'));
    const before = await secretWhere('robot-token', hasToken);
    await store.delete({ kind: 'ServiceAccount', namespace: 'default', name: 'default' }, undefined, NEVER);
    const { uid } = defaultAccountOf('default').metadata;
    const after = await secretWhere('robot-token', ({ metadata }) => metadata.annotations.get(UID) === uid);
    expect(tokenOf(after)).not.toBe(tokenOf(before));
  });
});

test('a rotation fills it with a token of the new key', async () => {
  start();
  await apply(tokenSecret('robot-token', 'default'));
  const before = await secretWhere('robot-token', hasToken);
  const keyId = await world.signer.rotate(NEVER);
  const after = await secretWhere('robot-token', (secret) => keyIdOf(secret) === keyId);
  const keys = await world.signer.publicKeys(NEVER);
  for (const secret of [before, after]) await verified(tokenOf(secret), keys, clock.now());
});

test('one whose rotation was missed is filled at the start', async () => {
  const first = start();
  await apply(tokenSecret('robot-token', 'default'));
  await secretWhere('robot-token', hasToken);
  await first[Symbol.asyncDispose]();
  const keyId = await world.signer.rotate(NEVER);
  start();
  await secretWhere('robot-token', (secret) => keyIdOf(secret) === keyId);
});

describe('trouble', () => {
  test('somebody writes at the same time: neither change is lost', async () => {
    let isFirst = true;
    store.beforeApply = async (draft) => {
      if (draft.metadata.name !== 'busy' || !isFirst) return;
      isFirst = false;
      await apply(tokenSecret('busy', 'default', { mine: 'kept' }));
    };
    start();
    await apply(tokenSecret('busy', 'default'));
    const { data } = await secretWhere('busy', hasToken);
    expect(data.get('mine')).toEqual(Buffer.from('kept'));
  });

  test('somebody makes a Secret their own while it is being deleted: it stays', async () => {
    await apply(serviceAccountDraft('robot'));
    store.beforeDelete = async () => void (await apply(tokenSecret('robot-token', 'robot', { token: 'mine' })));
    start();
    await apply(tokenSecret('robot-token', 'robot'));
    await secretWhere('robot-token', hasToken);
    await store.delete({ kind: 'ServiceAccount', namespace: 'default', name: 'robot' }, undefined, NEVER);
    await caughtUp();
    expect(tokenOf(await secretWhere('robot-token', () => true))).toBe('mine');
  });

  test('what the store refuses for good is logged, and the others are filled', async () => {
    await apply({ ...tokenSecret('frozen', 'default'), immutable: true } as ObjectDraft);
    await apply(tokenSecret('full', 'default', { large: 'x'.repeat(1_048_576) }));
    start();
    await apply(tokenSecret('good', 'default'));
    await secretWhere('good', hasToken);
    expect(await log.line('default/frozen')).toContain('immutable');
    expect(await log.line('default/full')).toContain('Too long');
  });

  test('the store fails for a while: it is asked again, ever more rarely', async () => {
    let failures = 3;
    store.beforeList = () => {
      if (failures-- > 0) throw new LanternError('unavailable', 'the store is away');
    };
    await apply(tokenSecret('patient', 'default'));
    start();
    for (const waitMs of [500, 1_000, 2_000]) {
      await log.line('the store is away');
      log.clear();
      await waitForTimer();
      clock.advance(waitMs);
    }
    await secretWhere('patient', hasToken);
  });

  test('the history is too short: it lists again', async () => {
    store = new ObstructedStore({ clock, historyEvents: 2 });
    world = new SigningWorld({ clock, store });
    let isFirst = true;
    store.beforeApply = async ({ metadata }) => {
      if (metadata.name !== 'first' || !isFirst) return;
      isFirst = false;
      for (let turn = 0; turn < 5; turn++) await apply(tokenSecret(`burst-${turn}`, 'default'));
    };
    await apply(tokenSecret('first', 'default'));
    start();
    await waitForTimer();
    clock.advance(500);
    for (let turn = 0; turn < 5; turn++) await secretWhere(`burst-${turn}`, hasToken);
    expect(log.lines.filter((line) => line.includes('WARN'))).toEqual([]);
  });

  test('a root certificate that cannot be read is logged, and the rest is filled', async () => {
    await apply(tokenSecret('robot-token', 'default'));
    start('/nowhere/ca.pem');
    expect((await secretWhere('robot-token', hasToken)).data.has('ca.crt')).toBe(false);
    expect(await log.line('/nowhere/ca.pem')).toContain('ENOENT');
  });

  test('nothing is written before the store is ready', async () => {
    store = new ObstructedStore({ clock, ready: false });
    world = new SigningWorld({ clock, store });
    await apply(tokenSecret('robot-token', 'robot'));
    start();
    await apply(serviceAccountDraft('robot'));
    expect((await secretWhere('robot-token', () => true)).data.size).toBe(0);
    store.markReady();
    await secretWhere('robot-token', hasToken);
  });

  test('an end in the middle of a pause leaves no timer', async () => {
    store.beforeList = () => {
      throw new LanternError('unavailable', 'the store is away');
    };
    const controller = start();
    await log.line('the store is away');
    await waitForTimer();
    await controller[Symbol.asyncDispose]();
    expect(clock.pending).toBe(0);
  });

  test('no byte of a token is logged', async () => {
    start();
    await apply(tokenSecret('robot-token', 'default'));
    const token = tokenOf(await secretWhere('robot-token', hasToken));
    await caughtUp();
    expect(log.lines.join('\n')).toContain('default/robot-token');
    expect(log.lines.join('\n')).not.toContain(token.split('.')[2]);
  });
});

async function waitForTimer(): Promise<void> {
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
}

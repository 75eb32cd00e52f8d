import { statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import { BoundVolume } from '../../../src/mount/bind/bound-volume.ts';
import { defaultAccountOf } from '../../../src/objects/object.ts';
import { dueAfter } from '../../../src/projection/volume-tokens.ts';
import { podFacts, serviceAccountDraft } from '../../support/objects/builders.ts';
import { inline, NEVER, ProjectionWorld, type WorldOptions } from '../../support/projection/projection-world.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const OPTIONS = { createOnly: false, dryRun: false };
const WEB = podFacts({ serviceAccountName: 'web' });
const ACCOUNT = { kind: 'ServiceAccount', namespace: 'default', name: 'web' } as const;

type Source = { readonly audience?: string; readonly expirationSeconds?: number; readonly path: string };
const tokens = (...sources: readonly Source[]) =>
  inline({ projected: { sources: sources.map((serviceAccountToken) => ({ serviceAccountToken })) } });
const ONE = tokens({ path: 'token' });

async function arrange(options?: WorldOptions): Promise<ProjectionWorld> {
  const world = new ProjectionWorld(options);
  await world.start();
  return world;
}

async function applyAccount(world: ProjectionWorld): Promise<string> {
  const { object } = await world.store.apply(serviceAccountDraft('web'), OPTIONS, NEVER);
  await world.projector.settled();
  return object.metadata.uid;
}

async function deleteAccount(world: ProjectionWorld): Promise<void> {
  await world.store.delete(ACCOUNT, undefined, NEVER);
  await world.projector.settled();
}

async function pass(world: ProjectionWorld, ms: number): Promise<void> {
  world.clock.advance(ms);
  await world.projector.settled();
}

const warnings = (world: ProjectionWorld) =>
  world.events.flatMap((event) => (event.type === 'warning' ? [event.reason] : []));
const failures = (world: ProjectionWorld) => world.events.filter(({ type }) => type === 'failed');

describe('a token is asked for', () => {
  it.each([
    ['the default account where no pod is known', undefined, 'default', undefined],
    ['the default account of a pod that names none', podFacts({ serviceAccountName: '' }), 'default', 'web-0'],
    ["the pod's account", WEB, 'web', 'web-0'],
    ['the account alone where a uid is not known', podFacts({ serviceAccountName: 'web', uid: '' }), 'web', undefined],
    [
      'the account alone where a name is not known',
      podFacts({ serviceAccountName: 'web', name: '' }),
      'web',
      undefined,
    ],
  ])('for %s', async (_, pod, name, boundTo) => {
    await using world = await arrange();
    const web = await applyAccount(world);
    await world.publish({ definition: ONE, pod });
    const uid = name === 'web' ? web : defaultAccountOf('default').metadata.uid;
    expect(world.tokens.requests).toMatchObject([
      { account: { namespace: 'default', name, uid }, audiences: ['test'], expirationSeconds: 3600 },
    ]);
    expect(world.tokens.requests[0]?.pod).toEqual(boundTo && { name: 'web-0', uid: podFacts().uid });
    expect(world.files()).toEqual({ token: 'token-1' });
  });

  it('once for each audience, and for the shorter of two lives', async () => {
    await using world = await arrange();
    const definition = tokens(
      { path: 'a', audience: 'vault', expirationSeconds: 7200 },
      { path: 'b', audience: 'vault', expirationSeconds: 900 },
      { path: 'c' },
    );
    await world.publish({ definition });
    expect(world.tokens.requests.map(({ audiences, expirationSeconds }) => [...audiences, expirationSeconds])).toEqual([
      ['vault', 900],
      ['test', 3600],
    ]);
    expect(world.files()).toEqual({ a: 'token-1', b: 'token-1', c: 'token-2' });
  });

  it.each([
    ['', ['vault'], { own: 'mine', other: 'token-1' }],
    ['vault', ['test'], { own: 'token-1', other: 'mine' }],
  ])('only where the request brought none for the audience: it brought "%s"', async (audience, asked, files) => {
    await using world = await arrange();
    const brought = new Map([[audience, { token: 'mine', expirationTimestamp: '2026-11-23T19:24:09Z' }]]);
    const definition = tokens({ path: 'own' }, { path: 'other', audience: 'vault' });
    await world.publish({ definition, inputs: { data: new Map(), tokens: brought } });
    expect(world.tokens.requests.flatMap(({ audiences }) => audiences)).toEqual(asked);
    expect(world.files()).toEqual(files);
  });

  it('not where only the host issues them: it must bring one, and is told so together with all else', async () => {
    await using world = await arrange({ issuesTokens: false });
    const sources = [{ secret: { name: 'gone' } }, { serviceAccountToken: { path: 'token' } }];
    const request = { definition: inline({ projected: { sources } }), pod: WEB };
    await expect(world.publish(request)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(/Secret default\/gone.*tokenRequests of the CSIDriver/s),
    });
    await world.apply('gone', { password: 'here' });
    const brought = new Map([['', { token: 'mine', expirationTimestamp: '2026-11-23T20:24:08Z' }]]);
    await world.publish({ ...request, inputs: { data: new Map(), tokens: brought } });
    expect(world.files()).toEqual({ password: 'here', token: 'mine' });
    expect(world.tokens.requests).toEqual([]);
  });

  it('not by a dry run, which says so', async () => {
    await using world = await arrange();
    const request = { ...world.request({ definition: ONE }), withContents: true };
    const tree = await world.projector.render(request, NEVER);
    const texts = tree.flatMap(({ contents }) => (contents === undefined ? [] : [Buffer.from(contents).toString()]));
    expect(texts).toEqual([expect.stringContaining('a dry run issues no token')]);
    expect(world.tokens.requests).toEqual([]);
    const missing = world.projector.render({ ...request, pod: WEB }, NEVER);
    await expect(missing).rejects.toMatchObject({ reason: 'MISSING_OBJECTS' });
  });
});

describe('the account', () => {
  it('is waited for, and the mount completes when it appears', async () => {
    await using world = await arrange();
    await expect(world.publish({ definition: ONE, pod: WEB })).rejects.toMatchObject({
      code: 'failed-precondition',
      reason: 'MISSING_OBJECTS',
      message: expect.stringContaining('ServiceAccount default/web does not exist'),
    });
    const waiting = world.publish({ definition: ONE, pod: WEB, waitForObjects: true });
    await vi.waitFor(() => expect(world.timers).toBe(1));
    await applyAccount(world);
    await waiting;
    expect(world.files()).toEqual({ token: 'token-1' });
  });

  it('is named together with whatever else is missing', async () => {
    await using world = await arrange();
    const sources = [{ secret: { name: 'gone' } }, { serviceAccountToken: { path: 'token' } }];
    await expect(world.publish({ definition: inline({ projected: { sources } }), pod: WEB })).rejects.toThrow(
      /Secret default\/gone.*ServiceAccount default\/web/s,
    );
  });

  it('that is made anew gets a new token at once; one that only changes does not', async () => {
    await using world = await arrange();
    await applyAccount(world);
    await world.publish({ definition: ONE, pod: WEB });
    await world.store.apply(serviceAccountDraft('web', { imagePullSecrets: ['x'] }), OPTIONS, NEVER);
    await world.projector.settled();
    expect(world.tokens.requests).toHaveLength(1);
    await deleteAccount(world);
    expect(world.files()).toEqual({ token: 'token-1' });
    const uid = await applyAccount(world);
    expect(world.tokens.requests[1]?.account.uid).toBe(uid);
    expect(world.files()).toEqual({ token: 'token-2' });
  });

  it('of another name never gets the token of the one before', async () => {
    await using world = await arrange();
    await applyAccount(world);
    await world.publish({ definition: ONE, pod: WEB });
    const other = podFacts({ serviceAccountName: 'other' });
    await expect(world.publish({ definition: ONE, pod: other })).rejects.toMatchObject({ reason: 'MISSING_OBJECTS' });
    await world.projector.settled();
    expect(world.files()).toEqual({ token: 'token-1' });
  });

  it('must be the same at a further target', async () => {
    await using world = await arrange();
    await applyAccount(world);
    const nobody = { name: '', uid: '' };
    await world.publish({ definition: ONE, pod: podFacts({ ...nobody, serviceAccountName: 'web' }) });
    const second = { definition: ONE, target: world.target('t2') };
    await expect(world.publish({ ...second, pod: podFacts(nobody) })).rejects.toThrow('another account');
  });
});

describe('a held token', () => {
  it('stays whatever else is refreshed', async () => {
    await using world = await arrange();
    await world.apply('db', { password: 'one' });
    const sources = [{ secret: { name: 'db' } }, { serviceAccountToken: { path: 'token' } }];
    await world.publish({ definition: inline({ projected: { sources } }) });
    const { generation } = world.projector.get('v') ?? {};
    await world.projector.refreshAfter('', 10, NEVER);
    await world.publish({ definition: inline({ projected: { sources } }) });
    expect(world.projector.get('v')?.generation).toBe(generation);
    await world.apply('db', { password: 'two' });
    expect(world.files()).toEqual({ password: 'two', token: 'token-1' });
    expect(world.tokens.requests).toHaveLength(1);
  });

  it('is due by the rule: 80 % of its life or a day, up to a twentieth earlier, never later', () => {
    const life = fc.integer({ min: 600_000, max: 2 ** 32 * 1000 });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(life, random, (lifeMs, chance) => {
        const due = dueAfter(lifeMs, () => chance);
        const latest = Math.min(0.8 * lifeMs, 24 * HOUR);
        expect(due).toBeLessThanOrEqual(latest);
        expect(due).toBeGreaterThanOrEqual(0.95 * latest);
      }),
    );
  });

  it.each([
    ['an hour', 3600, 48 * MINUTE],
    ['ten minutes', 600, 8 * MINUTE],
    ['a year', 365 * 24 * 3600, 24 * HOUR],
  ])('of %s is renewed in time, by one swap, over and over', async (_, expirationSeconds, dueMs) => {
    await using world = await arrange();
    await world.publish({ definition: tokens({ path: 'token', expirationSeconds }) });
    for (let round = 1; round <= 3; round++) {
      await pass(world, 0.94 * dueMs);
      expect(world.files()).toEqual({ token: `token-${round}` });
      await pass(world, 0.06 * dueMs);
      expect(world.files()).toEqual({ token: `token-${round + 1}` });
    }
    expect(world.events.filter(({ type }) => type === 'updated')).toHaveLength(3);
    expect(world.timers).toBeGreaterThan(0);
    await world.projector.unpublish({ volumeId: volumeId('v'), target: undefined }, NEVER);
    await pass(world, 10_000);
    expect(world.timers).toBe(0);
  });

  it('is not renewed for a volume that is published nowhere any more, though its files could not be removed', async () => {
    await using world = new ProjectionWorld({ syncPeriodMs: MINUTE });
    await world.start();
    await world.publish({ definition: ONE });
    const remove = vi.spyOn(BoundVolume.prototype, 'remove').mockImplementationOnce(() => {
      throw new LanternError('failed-precondition', 'busy');
    });
    const gone = { volumeId: volumeId('v'), target: undefined };
    await expect(world.projector.unpublish(gone, NEVER)).rejects.toThrow('busy');
    remove.mockRestore();
    for (let minute = 0; minute < 50; minute++) await pass(world, MINUTE);
    expect(world.tokens.requests).toHaveLength(1);
    expect(world.timers).toBe(0);
    await world.projector.unpublish(gone, NEVER);
    expect(world.projector.list()).toEqual([]);
  });

  it('is not renewed once the spec asks for none', async () => {
    await using world = await arrange();
    await world.apply('db', { password: 'one' });
    await world.publish({ definition: ONE });
    await world.publish({ definition: inline({ secret: { secretName: 'db' } }) });
    await pass(world, 10_000);
    expect(world.timers).toBe(0);
  });

  it.each([
    ['the same pod', {}],
    ['another namespace', { namespace: 'other' }],
  ])('is not kept for the next volume of that id, of %s, while files of the last one are there', async (_, next) => {
    await using world = await arrange();
    await world.publish({ definition: ONE });
    using remove = vi.spyOn(BoundVolume.prototype, 'remove').mockImplementationOnce(() => {
      throw new LanternError('failed-precondition', 'busy');
    });
    await expect(world.projector.unpublish({ volumeId: volumeId('v'), target: undefined }, NEVER)).rejects.toThrow();
    await world.publish({ definition: ONE, ...next });
    expect(remove).toHaveBeenCalledTimes(2);
    expect(world.files()).toEqual({ token: 'token-2' });
  });

  it('is replaced when the spec asks for another life', async () => {
    await using world = await arrange();
    await world.publish({ definition: ONE });
    await world.publish({ definition: tokens({ path: 'token', expirationSeconds: 900 }) });
    expect(world.files()).toEqual({ token: 'token-2' });
  });

  it('survives a restart over the same store', async () => {
    await using world = await arrange();
    await world.publish({ definition: ONE });
    const { generation } = world.projector.get('v') ?? {};
    await world.restart({ keepStore: true });
    expect(world.projector.get('v')?.generation).toBe(generation);
    expect(world.tokens.requests).toHaveLength(1);
    await pass(world, 48 * MINUTE);
    expect(world.files()).toEqual({ token: 'token-2' });
    await world.restart({ keepStore: true });
    expect(world.files()).toEqual({ token: 'token-2' });
    expect(world.tokens.requests).toHaveLength(2);
  });

  it('is replaced over another store, whose keys may be others', async () => {
    await using world = await arrange();
    await world.publish({ definition: ONE });
    await world.restart();
    expect(world.files()).toEqual({ token: 'token-2' });
  });

  it('does not expire in a volume that is well, though the store does not sync after a restart', async () => {
    await using world = await arrange();
    await world.publish({ definition: ONE });
    await pass(world, 10 * MINUTE);
    await world.restartUnsynced();
    await pass(world, 37 * MINUTE);
    await pass(world, 13 * MINUTE);
    expect(world.projector.get('v')?.state).toBe('stale');
    expect(world.files()).toEqual({ token: 'token-1' });
    await world.projector[Symbol.asyncDispose]();
    expect(world.clock.pending).toBe(0);
  });

  it('is replaced once its key is gone, and does not stand in for one that cannot be issued', async () => {
    await using world = await arrange();
    await applyAccount(world);
    await world.publish({ definition: ONE, pod: WEB });
    world.tokens.disowned.add('token-1');
    await world.projector.refreshAfter('', 10, NEVER);
    expect(world.files()).toEqual({ token: 'token-2' });
    world.tokens.disowned.add('token-2');
    await deleteAccount(world);
    expect(world.projector.get('v')?.state).toBe('stale');
    await applyAccount(world);
    expect(world.files()).toEqual({ token: 'token-3' });
    expect(world.projector.get('v')?.state).toBe('ready');
  });

  it('is written down for a restart even when the first attempt to do so fails', async () => {
    await using world = await arrange();
    await world.publish({ definition: ONE });
    const save = vi.spyOn(BoundVolume.prototype, 'saveInputs').mockImplementationOnce(() => {
      throw new LanternError('resource-exhausted', 'no room');
    });
    await pass(world, 48 * MINUTE);
    save.mockRestore();
    expect(world.projector.get('v')?.state).toBe('stale');
    await pass(world, 1_000);
    expect(world.projector.get('v')?.state).toBe('ready');
    await world.restart({ keepStore: true });
    expect(world.files()).toEqual({ token: 'token-2' });
    expect(world.tokens.requests).toHaveLength(2);
  });

  it('is kept where only the daemon can read it', async () => {
    await using world = await arrange();
    await world.publish({ definition: ONE });
    const holders = world.grep('token-1');
    expect(holders.map((path) => path.split('/').at(-1)).sort()).toEqual(['inputs.json', 'token']);
    const inputs = holders.find((path) => path.endsWith('inputs.json')) ?? '';
    expect(statSync(inputs).mode & 0o777).toBe(0o600);
    expect(statSync(join(inputs, '..')).mode & 0o777).toBe(0o700);
  });
});

describe('a token that the request brought', () => {
  const bring = (audience: string, expirationTimestamp: string) => ({
    inputs: { data: new Map(), tokens: new Map([[audience, { token: 'mine', expirationTimestamp }]]) },
  });
  /** An hour after the world begins. */
  const IN_AN_HOUR = '2026-11-23T20:24:08Z';

  it('makes the volume stale at the moment it expires, until another is brought; the rest goes on', async () => {
    await using world = await arrange();
    await world.apply('db', { password: 'one' });
    const sources = [{ secret: { name: 'db' } }, { serviceAccountToken: { path: 'token' } }];
    const definition = inline({ projected: { sources } });
    await world.publish({ definition, ...bring('', IN_AN_HOUR) });
    await pass(world, HOUR - 1);
    expect(world.projector.get('v')).toMatchObject({ state: 'ready', lastError: undefined });
    await pass(world, 1);
    const lastError = expect.stringMatching(/the default audience.*expired at 2026-11-23T20:24:08Z.*mount it again/);
    expect(world.projector.get('v')).toMatchObject({ state: 'stale', lastError });
    await world.apply('db', { password: 'two' });
    await pass(world, 10 * MINUTE);
    expect(world.files()).toEqual({ password: 'two', token: 'mine' });
    expect(failures(world)).toMatchObject([{ reason: 'FailedUpdate', message: lastError }]);
    await world.publish({ definition, ...bring('', '2026-11-24T20:24:08Z') });
    expect(world.projector.get('v')).toMatchObject({ state: 'ready', lastError: undefined });
    await world.projector.unpublish({ volumeId: volumeId('v'), target: undefined }, NEVER);
    await pass(world, 10_000);
    expect(world.timers).toBe(0);
  });

  it.each([
    ['that had expired before', '', '2026-11-23T19:24:07Z', 'stale'],
    ['whose end cannot be read', '', 'some day', 'ready'],
    ['that no file shows', 'other', '2026-11-23T19:24:07Z', 'ready'],
  ])('is taken, %s', async (_, audience, expirationTimestamp, state) => {
    await using world = await arrange();
    await world.publish({ definition: ONE, ...bring(audience, expirationTimestamp) });
    expect(world.projector.get('v')?.state).toBe(state);
  });

  it('is looked at again after a restart', async () => {
    await using world = await arrange();
    await world.publish({ definition: ONE, ...bring('', IN_AN_HOUR) });
    await world.restart({ keepStore: true });
    await pass(world, HOUR);
    expect(world.projector.get('v')?.state).toBe('stale');
  });
});

describe.each([
  [
    'the issuer fails',
    (world: ProjectionWorld) => {
      world.tokens.failure = new LanternError('unavailable', 'the key cannot be read');
    },
    async (world: ProjectionWorld) => {
      world.tokens.failure = undefined;
    },
  ],
  ['the account is gone', deleteAccount, applyAccount],
])('while %s', (_, fail, mend) => {
  async function arrangeFailing(): Promise<ProjectionWorld> {
    const world = await arrange();
    await applyAccount(world);
    await world.publish({ definition: ONE, pod: WEB });
    await fail(world);
    await pass(world, 48 * MINUTE);
    return world;
  }

  it('a valid token stays, one warning says so, and it is renewed when that is possible again', async () => {
    await using world = await arrangeFailing();
    for (let minute = 0; minute < 10; minute++) await pass(world, MINUTE);
    expect(world.files()).toEqual({ token: 'token-1' });
    expect(world.projector.get('v')).toMatchObject({ state: 'ready', lastError: undefined });
    expect(warnings(world)).toEqual(['TokenRefreshFailed']);
    expect(failures(world)).toEqual([]);
    await mend(world);
    await pass(world, MINUTE);
    expect(world.files()).toEqual({ token: 'token-2' });
    await fail(world);
    await pass(world, 48 * MINUTE);
    expect(warnings(world)).toEqual(['TokenRefreshFailed', 'TokenRefreshFailed']);
  });

  it('an expired token makes the volume stale, at the moment it expires', async () => {
    await using world = await arrangeFailing();
    await pass(world, 12 * MINUTE - 1);
    expect(world.projector.get('v')?.state).toBe('ready');
    await pass(world, 1);
    expect(world.projector.get('v')?.state).toBe('stale');
    await pass(world, 10 * MINUTE);
    expect(failures(world)).toHaveLength(1);
    expect(world.files()).toEqual({ token: 'token-1' });
    await mend(world);
    await pass(world, MINUTE);
    expect(world.projector.get('v')?.state).toBe('ready');
    expect(world.files()).toEqual({ token: 'token-2' });
  });
});

it('an issuer that fails is asked less and less often', async () => {
  await using world = await arrange();
  await world.publish({ definition: ONE });
  world.tokens.failure = new LanternError('unavailable', 'the key cannot be read');
  await pass(world, 48 * MINUTE);
  const asked = vi.spyOn(world.tokens, 'vouchesFor');
  for (let second = 0; second < 120; second++) await pass(world, 1_000);
  expect(asked.mock.calls.length).toBeGreaterThan(4);
  expect(asked.mock.calls.length).toBeLessThan(12);
});

it('an issuer that hangs is given up on', async () => {
  await using world = await arrange();
  vi.spyOn(world.tokens, 'issue').mockReturnValueOnce(new Promise(() => {}));
  const publishing = world.publish({ definition: ONE });
  await vi.waitFor(() => expect(world.timers).toBe(1));
  world.clock.advance(30_000);
  await expect(publishing).rejects.toMatchObject({ code: 'unavailable' });
  await world.publish({ definition: ONE });
});

type Step = 'fail' | 'mend' | 'delete' | 'create' | 'refresh' | 'republish' | { readonly minutes: number };

it('whatever happens: no expired token in a volume that is well, and a good one soon after all is mended', async () => {
  const word = fc.constantFrom<Step>('fail', 'mend', 'delete', 'create', 'refresh', 'republish');
  const wait = fc.record({ minutes: fc.integer({ min: 1, max: 70 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(word, wait), { maxLength: 12 }), async (steps) => {
      await using world = await arrange();
      const issuedAt: number[] = [];
      const { issue } = world.tokens;
      vi.spyOn(world.tokens, 'issue').mockImplementation(async (request) => {
        const issued = await issue.call(world.tokens, request);
        issuedAt.push(issued.issuedAt);
        return issued;
      });
      await applyAccount(world);
      await world.publish({ definition: ONE, pod: WEB });
      const shown = () => Number(world.files().token?.replace('token-', '')) - 1;
      const age = () => world.clock.now() - (issuedAt[shown()] ?? 0);
      const take: Record<Extract<Step, string>, () => Promise<unknown>> = {
        fail: async () => {
          world.tokens.failure = new LanternError('unavailable', 'no key');
        },
        mend: async () => {
          world.tokens.failure = undefined;
        },
        delete: () => deleteAccount(world),
        create: () => applyAccount(world),
        refresh: () => world.projector.refreshAfter('', 10, NEVER),
        republish: () => world.publish({ definition: ONE, pod: WEB }).catch(() => {}),
      };
      for (const step of steps) {
        await (typeof step === 'string' ? take[step]() : pass(world, step.minutes * MINUTE));
        await world.projector.settled();
        if (world.projector.get('v')?.state === 'ready') expect(age()).toBeLessThan(HOUR);
      }
      await take.mend();
      const uid = await applyAccount(world);
      await pass(world, MINUTE);
      expect(world.projector.get('v')?.state).toBe('ready');
      expect(age()).toBeLessThan(48 * MINUTE);
      expect(world.tokens.requests[shown()]?.account.uid).toBe(uid);
    }),
    { numRuns: 40 },
  );
});

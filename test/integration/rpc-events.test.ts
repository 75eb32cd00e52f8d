import { describe, expect, it, test } from 'vitest';
import type { EventDraft } from '../../src/objects/event.ts';
import { EventLog } from '../../src/projection/events/event-log.ts';
import { eventsService } from '../../src/rpc/lantern/events-service.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { ManualClock } from '../support/suite/clocks.ts';
import { rejectionOf, rejectionOfStream } from '../support/suite/expectations.ts';

const PLANTED = 'pl4nted';

const DRAFT: EventDraft = {
  involved: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'u1', fieldPath: 'spec.containers{app}' },
  type: 'Warning',
  reason: 'FailedMount',
  message: 'it failed',
};

async function arrange() {
  const clock = new ManualClock(Date.UTC(2026, 10, 23, 12, 0, 0, 7));
  const log = new EventLog({ clock });
  const fixture = await RpcFixture.start({ events: eventsService(log, 'node-1') });
  const record = (name: string, changes: Partial<EventDraft['involved']> = {}) =>
    log.record({ ...DRAFT, involved: { ...DRAFT.involved, name, ...changes } });
  return { clock, log, fixture, record, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}

describe('List', () => {
  it('answers with every field', async () => {
    await using world = await arrange();
    world.log.record(DRAFT);
    world.clock.advance(1_000);
    world.log.record(DRAFT);
    expect((await world.fixture.client.events.list({})).events).toEqual([
      {
        id: expect.stringMatching(/^web\.[0-9a-f]+$/),
        involvedObject: DRAFT.involved,
        type: 'WARNING',
        reason: 'FailedMount',
        message: 'it failed',
        count: 2,
        firstTimestamp: '2026-11-23T12:00:00.007Z',
        lastTimestamp: '2026-11-23T12:00:01.007Z',
        host: 'node-1',
      },
    ]);
  });

  it('pages in order, with nothing lost when an event moves meanwhile', async () => {
    await using world = await arrange();
    for (let index = 0; index < 25; index++) world.record(`p${index}`);
    const names: string[] = [];
    let pageToken = '';
    do {
      const page = await world.fixture.client.events.list({ pageSize: 10, pageToken });
      names.push(...page.events.map(({ involvedObject }) => involvedObject?.name ?? ''));
      if (pageToken === '') world.record('p3');
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(names).toEqual([...[...Array(25).keys()].map((index) => `p${index}`), 'p3']);
  });

  it('cuts pages by bytes', async () => {
    await using world = await arrange();
    for (let index = 0; index < 3_000; index++) {
      world.log.record({ ...DRAFT, message: 'x'.repeat(1_024), involved: { ...DRAFT.involved, name: `p${index}` } });
    }
    const first = await world.fixture.client.events.list({});
    const second = await world.fixture.client.events.list({ pageToken: first.nextPageToken });
    expect(first.events.length).toBeLessThan(3_000);
    expect(first.events.length + second.events.length).toBe(3_000);
  });

  it('takes out what is asked for', async () => {
    await using world = await arrange();
    world.record('a');
    world.record('b', { namespace: 'team' });
    world.record('/run/x', { kind: 'Volume' });
    const names = async (request: object) =>
      (await world.fixture.client.events.list(request)).events.map(({ involvedObject }) => involvedObject?.name);
    expect(await names({ namespace: 'team' })).toEqual(['b']);
    expect(await names({ involvedKind: 'Volume' })).toEqual(['/run/x']);
    expect(await names({ involvedKind: 'Pod', involvedName: 'a' })).toEqual(['a']);
    expect(await names({ involvedKind: 'Pod', involvedName: '/run/x' })).toEqual([]);
  });

  it('names every fault at once', async () => {
    await using world = await arrange();
    const bad = { namespace: 'A', involvedKind: 'pod', pageSize: -1, pageToken: '%' };
    const error = await rejectionOf(world.fixture.client.events.list(bad));
    expect(error).toMatchObject({ code: 'invalid-argument' });
    for (const field of ['namespace: ', 'involved_kind: ', 'page_size: ', 'page_token: ']) {
      expect(error.message).toContain(field);
    }
  });
});

describe('Watch', () => {
  it('gives what is kept, then what happens, also what counts on', async () => {
    await using world = await arrange();
    world.record('a');
    world.record('team', { namespace: 'team' });
    const stop = new AbortController();
    const request = { namespace: 'default', includeExisting: true };
    const events = world.fixture.client.events.watch(request, { signal: stop.signal })[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ involvedObject: { name: 'a' }, count: 1 });
    world.record('a');
    expect((await events.next()).value).toMatchObject({ involvedObject: { name: 'a' }, count: 2 });
    stop.abort();
    expect((await events.next()).done).toBe(true);
  });

  it('refuses a kind that no event is about', async () => {
    await using world = await arrange();
    const error = await rejectionOfStream(world.fixture.client.events.watch({ involvedKind: 'Node' }));
    expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('involved_kind') });
  });
});

test('a daemon keeps what happened to its volumes, without a value', async () => {
  await using harness = await DaemonHarness.start();
  const { projector, events } = harness.client;
  await harness.applySecret('db', { password: PLANTED });
  const pod = { name: 'web', uid: 'u1' };
  const sources = [{ secret: { name: 'db' } }, { request: {} }];
  const mount = {
    volumeId: 'v',
    pod,
    definition: { source: { projected: { sources } } },
    data: { inline: Buffer.from(`${PLANTED}-inline`) },
    tokens: { '': { token: `${PLANTED}-token`, expirationTimestamp: '2099-01-01T00:00:00Z' } },
    targetPath: harness.target('v'),
  };
  await projector.mount(mount);
  await harness.applySecret('db', { password: `${PLANTED}-too` });
  await expect(
    projector.mount({ ...mount, volumeId: 'w', definition: { source: { secret: { secretName: 'gone' } } } }),
  ).rejects.toThrow('gone');
  await projector.unmount({ volumeId: 'v' });
  const kept = (await events.list({ involvedKind: 'Pod', involvedName: 'web' })).events;
  expect(kept.map(({ type, reason, host }) => ({ type, reason, host }))).toEqual(
    ['SuccessfulMount', 'Updated', 'FailedMount', 'Unmounted'].map((reason) => {
      return { type: reason === 'FailedMount' ? 'WARNING' : 'NORMAL', reason, host: 'test-node' };
    }),
  );
  expect(JSON.stringify((await events.list({})).events)).not.toContain(PLANTED);
});

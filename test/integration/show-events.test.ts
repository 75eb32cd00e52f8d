import { expect, test } from 'vitest';
import { fetchEvents, showEvents } from '../../src/cli/objects/show-events.ts';
import { EventLog } from '../../src/projection/events/event-log.ts';
import { eventsService } from '../../src/rpc/lantern/events-service.ts';
import { NEVER } from '../support/projection/projection-world.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { ManualClock } from '../support/suite/clocks.ts';
import { RecordedTerminal } from '../support/suite/recorded-terminal.ts';

const EVERYTHING = { namespace: '', involvedKind: '', involvedName: '' };

/** A log behind a real socket, of which the test changes the contents after each answer to List. */
async function arrange(afterList: (record: (name: string) => void) => void) {
  const clock = new ManualClock();
  const log = new EventLog({ clock });
  const record = (name: string) => {
    const involved = { kind: 'Pod', namespace: 'default', name, uid: '', fieldPath: '' } as const;
    log.record({ involved, type: 'Warning', reason: 'FailedMount', message: `${name} \u001b[31m\nfailed` });
  };
  const service = eventsService(log, 'node-1');
  const fixture = await RpcFixture.start({
    events: {
      ...service,
      // Small pages, so that there are several.
      list: async (request, signal) => {
        const page = await service.list({ ...request, pageSize: 2 }, signal);
        afterList(record);
        return page;
      },
    },
  });
  return { clock, record, fixture, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}

test('an event that happens again between two pages is there once, with its last count', async () => {
  const again = ['a'];
  await using world = await arrange((record) => {
    for (const name of again.splice(0)) record(name);
  });
  for (const name of ['a', 'b', 'c']) world.record(name);
  const events = await fetchEvents(world.fixture.client, EVERYTHING, NEVER);
  expect(events.map(({ involvedObject, count }) => [involvedObject?.name, count])).toEqual([
    ['b', 1],
    ['c', 1],
    ['a', 2],
  ]);
});

test('a watch misses nothing that happens while it lists, shows nothing twice, and steers no terminal', async () => {
  const meanwhile = ['a', 'new'];
  await using world = await arrange((record) => {
    if (meanwhile.length === 2) record(meanwhile.shift() ?? '');
    else for (const name of meanwhile.splice(0)) record(name);
  });
  for (const name of ['a', 'b', 'c']) world.record(name);
  const stop = new AbortController();
  const terminal = new RecordedTerminal();
  const cli = { terminal, environment: {}, user: { uid: 0, gid: 0 }, clock: world.clock, signal: stop.signal };
  const view = { query: EVERYTHING, isSelected: () => true, watch: true, output: undefined };
  const print = (text: string) => {
    terminal.print(text);
    if (terminal.printed.length === 5) world.record('last');
    if (terminal.printed.length === 6) stop.abort();
  };
  await showEvents({ ...cli, terminal: { ...terminal, print } }, world.fixture.client, view);
  expect(terminal.printed.map((line) => /pod\/(\w+)/.exec(line)?.[1])).toEqual([
    undefined,
    'b',
    'c',
    'a',
    'new',
    'last',
  ]);
  expect(terminal.printed[1]).toMatch(/b \\x1b\[31m\\x0afailed$/);
});

import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { LanternError } from '../../src/base/errors.ts';
import { orThrow } from '../../src/base/parsed.ts';
import { parseKind } from '../../src/cli/kinds.ts';
import { followObjects } from '../../src/cli/objects/watch-objects.ts';
import { parseObject } from '../../src/objects/manifest/parse-manifest.ts';
import { objectsService } from '../../src/rpc/lantern/objects-service.ts';
import { MemoryStore } from '../../src/stores/kept/memory-store.ts';
import type { ObjectEvent, ObjectList, WatchFilter } from '../../src/stores/store.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { CommandLine, endOf } from '../support/suite/command-line.ts';

/** A store of which the test changes the contents at the moments when a reader of lists and watches could be misled. */
class ChangingStore extends MemoryStore {
  afterList: () => Promise<void> = async () => {};
  /** After so many events a watch fails; the next one does not. */
  failAfter: { readonly events: number; readonly error: LanternError } | undefined;

  override async list(...args: Parameters<MemoryStore['list']>): Promise<ObjectList> {
    const list = await super.list(...args);
    const change = this.afterList;
    this.afterList = async () => {};
    await change();
    return list;
  }

  override async *watch(filter: WatchFilter, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    const failure = this.failAfter;
    this.failAfter = undefined;
    let events = 0;
    if (failure?.events === events) throw failure.error;
    for await (const event of super.watch(filter, signal)) {
      yield event;
      events += 1;
      if (failure?.events === events) throw failure.error;
    }
  }

  async set(name: string, value: string): Promise<void> {
    const manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } };
    await this.apply(
      orThrow(parseObject(manifest, 'default')).draft,
      { dryRun: false, createOnly: false },
      new AbortController().signal,
    );
  }

  async drop(name: string): Promise<void> {
    await this.delete({ kind: 'ConfigMap', namespace: 'default', name }, undefined, new AbortController().signal);
  }
}

/** Follows the store over a real socket; `shown` gives the next so many states as `name=value`. */
async function follow(store: ChangingStore) {
  const fixture = await RpcFixture.start({ objects: objectsService(store) });
  const stop = new AbortController();
  const query = { kind: parseKind('cm'), name: undefined, namespace: 'default', withData: true };
  let timesAway = 0;
  const followed = followObjects(fixture.client, query, stop.signal, () => {
    timesAway += 1;
  });
  const states: string[] = [];
  return {
    timesAway: () => timesAway,
    async shown(count: number): Promise<string[]> {
      while (states.length < count) {
        const { value } = await followed.next();
        if (value === undefined) throw new Error('the watch has ended');
        states.push(...value.map(({ metadata, configMap }) => `${metadata?.name}=${configMap?.data.value}`));
      }
      return states.splice(0);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await followed.return(undefined);
      await fixture[Symbol.asyncDispose]();
    },
  };
}

test('a history too short for the time between list and watch: listed again, and only what is new is shown', async () => {
  const store = new ChangingStore({ historyEvents: 1 });
  for (const name of ['kept', 'changed', 'deleted']) await store.set(name, '1');
  store.afterList = async () => {
    await store.set('changed', '2');
    await store.drop('deleted');
    await store.set('added', '1');
  };
  await using reader = await follow(store);
  expect(await reader.shown(3)).toEqual(['changed=1', 'deleted=1', 'kept=1']);
  expect(await reader.shown(3)).toEqual(['added=1', 'changed=2', 'deleted=1']);
  await store.set('last', '1');
  expect(await reader.shown(1)).toEqual(['last=1']);
  expect(reader.timesAway()).toBe(0);
});

test.each([
  ['resource-exhausted', 0],
  ['unavailable', 1],
] as const)('a watch that fails with %s goes on where it was', async (code, timesAway) => {
  const store = new ChangingStore();
  await store.set('a', '1');
  store.failAfter = { events: 1, error: new LanternError(code, 'for this test') };
  await using reader = await follow(store);
  expect(await reader.shown(1)).toEqual(['a=1']);
  await store.set('a', '2');
  expect(await reader.shown(1)).toEqual(['a=2']);
  await store.set('b', '1');
  await store.drop('a');
  expect((await reader.shown(2)).sort()).toEqual(['a=2', 'b=1']);
  await store.set('c', '1');
  expect(await reader.shown(1)).toEqual(['c=1']);
  expect(reader.timesAway()).toBe(timesAway);
});

test('any other failure of the watch is the end', async () => {
  const store = new ChangingStore();
  await store.set('a', '1');
  store.failAfter = { events: 0, error: new LanternError('internal', 'for this test') };
  await using reader = await follow(store);
  await reader.shown(1);
  await expect(reader.shown(1)).rejects.toMatchObject({ code: 'internal' });
});

test('what happened while the pages of the list were read is not shown again', async () => {
  const store = new ChangingStore();
  // Two pages: values of 1 MiB.
  const big = (digit: string) => digit.repeat(1_000_000);
  for (const name of ['a', 'b', 'c', 'd', 'e']) await store.set(name, big('1'));
  store.afterList = () => store.set('e', big('2'));
  await using reader = await follow(store);
  const short = (states: readonly string[]) => states.map((state) => state.slice(0, 3));
  expect(short(await reader.shown(5))).toEqual(['a=1', 'b=1', 'c=1', 'd=1', 'e=2']);
  await store.set('f', '1');
  expect(short(await reader.shown(1))).toEqual(['f=1']);
});

test('the daemon restarts: the command waits for it, and ends with 0 at a signal', async () => {
  await using shell = new CommandLine();
  await shell.serve();
  await shell.output('create', 'configmap', 'before', '--from-literal=a=b');
  const child = shell.start('get', 'cm', '--watch', '-o', 'name');
  if (child.stdout === null || child.stderr === null) throw new Error('a stream is missing');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const complaints = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => (await lines.next()).value;
  expect(await next()).toBe('configmap/before');
  await shell.stopServing();
  expect((await complaints.next()).value).toBe('lantern: lost the connection to the daemon; waiting for it');
  await shell.serve();
  await shell.output('create', 'configmap', 'after', '--from-literal=a=b');
  expect(await next()).toBe('configmap/after');
  await shell.output('delete', 'configmap', 'before');
  expect(await next()).toBe('configmap/before');
  expect(await endOf(child, 'SIGINT')).toBe(0);
});

test.each([
  // What a watch of volumes would have shown meanwhile is lost, so that it must be back before the change.
  { words: ['watch', '--existing', '-o', 'json'], again: /MOUNTED/, change: /FAILED/ },
  { words: ['events', '--watch', '-o', 'json'], again: undefined, change: /FailedUpdate/ },
])('$words goes on when the daemon is back', async ({ words, again, change }) => {
  await using shell = new CommandLine();
  await shell.serve();
  await shell.output('create', 'secret', 'generic', 'db', '--from-literal=a=1');
  await shell.output('mount', '--secret', 'db', shell.target('v'));
  const child = shell.start(...words);
  if (child.stdout === null || child.stderr === null) throw new Error('a stream is missing');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const complaints = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  await lines.next();
  await shell.stopServing();
  expect((await complaints.next()).value).toBe('lantern: lost the connection to the daemon; waiting for it');
  await shell.serve();
  const shows = async (text: RegExp) => {
    for (let line = await lines.next(); !text.test(String(line.value)); line = await lines.next()) {
      if (line.done) throw new Error(`there is no ${text}`);
    }
  };
  if (again !== undefined) await shows(again);
  await shell.output('delete', 'secret', 'db');
  await shows(change);
  expect(await endOf(child, 'SIGINT')).toBe(0);
  await shell.output('unmount', shell.target('v'));
});

test('a signal ends the wait for a daemon too', async () => {
  await using shell = new CommandLine();
  await shell.serve();
  const child = shell.start('get', 'cm', '--watch', '-o', 'name');
  if (child.stderr === null) throw new Error('a stream is missing');
  await shell.output('create', 'configmap', 'here', '--from-literal=a=b');
  if (child.stdout === null) throw new Error('a stream is missing');
  await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  await shell.stopServing();
  await createInterface({ input: child.stderr })[Symbol.asyncIterator]().next();
  expect(await endOf(child, 'SIGINT')).toBe(0);
});

test('a watch through a template, one of columns, and one without headings', async () => {
  await using shell = new CommandLine();
  await shell.serve();
  await shell.output('create', 'configmap', 'before', '--from-literal=colour=blue');
  const views = [
    ['-o', 'jsonpath={.metadata.name}={.data.colour}{"\\n"}'],
    ['--no-headers', '--show-labels'],
    ['--no-headers', '-o', 'custom-columns=NAME:.metadata.name,COLOUR:.data.colour'],
  ];
  const watches = views.map((view) => {
    const child = shell.start('get', 'cm', '--watch', ...view);
    if (child.stdout === null) throw new Error('stdout is missing');
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const next = () => Promise.all(watches.map(async ({ lines }) => (await lines.next()).value));
  expect(await next()).toEqual([
    'before=blue',
    expect.stringMatching(/^before {3}1 {3}\d+s {3}<none>$/),
    'before   blue',
  ]);
  await shell.output('create', 'configmap', 'later', '--from-literal=colour=red');
  expect(await next()).toEqual(['later=red', expect.stringMatching(/^later {4}1 {3}\d+s {3}<none>$/), 'later    red']);
  const events = await shell.output('get', 'events', '--no-headers', '-o', 'jsonpath={.kind}');
  expect(events).toBe('List');
  for (const { child } of watches) expect(await endOf(child, 'SIGINT')).toBe(0);
});

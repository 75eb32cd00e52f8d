import { mkdirSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { orThrow } from '../../src/base/parsed.ts';
import { type KindName, parseKind } from '../../src/cli/kinds.ts';
import { ObjectChanges } from '../../src/cli/objects/object-changes.ts';
import { waitForObject, waitForVolume } from '../../src/cli/objects/wait-subjects.ts';
import { parseObject } from '../../src/objects/manifest/parse-manifest.ts';
import { connect, type LanternClient } from '../../src/rpc/client.ts';
import { objectsService } from '../../src/rpc/lantern/objects-service.ts';
import { MemoryStore } from '../../src/stores/kept/memory-store.ts';
import type { ObjectEvent, WatchFilter } from '../../src/stores/store.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { CommandLine } from '../support/suite/command-line.ts';

/** Reads on until the subject is as expected. */
async function reach(states: AsyncGenerator<unknown, void>, expected: object | undefined): Promise<void> {
  for (;;) {
    const { value, done } = await states.next();
    if (done) throw new Error('there are no more states');
    try {
      if (expected === undefined) expect(value).toBeUndefined();
      else expect(value).toMatchObject(expected);
      return;
    } catch {
      // The next state may be it.
    }
  }
}

const SECRETS = { kind: parseKind('secret'), namespace: 'default' };

test('an object that comes, changes and goes, among others', async () => {
  await using harness = await DaemonHarness.start();
  await harness.applySecret('other', { key: '1' });
  const changes = new ObjectChanges(harness.client, SECRETS, () => {});
  const stop = new AbortController();
  const wanted = { withData: true, changes };
  const states = waitForObject(harness.client, { ...SECRETS, name: 'db' }, wanted).states(stop.signal);
  expect(await states.next()).toEqual({ done: false, value: undefined });
  await harness.applySecret('db', { key: '1' });
  expect((await states.next()).value).toMatchObject({ data: { key: 'MQ==' } });
  await harness.applySecret('other', { key: '2' });
  await harness.applySecret('db', { key: '2' });
  expect((await states.next()).value).toMatchObject({ data: { key: 'Mg==' } });
  await harness.client.objects.delete({ ref: { kind: 'Secret', namespace: 'default', name: 'db' } });
  expect(await states.next()).toEqual({ done: false, value: undefined });
  stop.abort();
  await states.return();
});

/** Knows how many read it at once, and how many began to. */
class WatchedStore extends MemoryStore {
  begun = 0;
  readonly open = new Set<AbortSignal>();

  override async *watch(filter: WatchFilter, signal: AbortSignal): AsyncGenerator<ObjectEvent, void> {
    this.begun += 1;
    this.open.add(signal);
    try {
      yield* super.watch(filter, signal);
    } finally {
      this.open.delete(signal);
    }
  }
}

/** States of objects that share what tells of changes. */
function followed(client: LanternClient, kind: KindName, onAway = () => {}) {
  const changes = new ObjectChanges(client, { kind, namespace: 'default' }, onAway);
  return (name: string) => {
    const object = waitForObject(client, { kind, namespace: 'default', name }, { withData: false, changes });
    return object.states(new AbortController().signal);
  };
}

test('however many objects of a kind are waited for, one watch follows them, and ends with them', async () => {
  const store = new WatchedStore();
  await using fixture = await RpcFixture.start({ objects: objectsService(store) });
  const statesOf = followed(fixture.client, parseKind('cm'));
  const names = Array.from({ length: 200 }, (_, index) => `m${index}`);
  const waits = names.map(async (name) => {
    for await (const state of statesOf(name)) if (state !== undefined) break;
  });
  await vi.waitFor(() => expect(store.open.size).toBe(1));
  for (const name of names) {
    const { draft } = orThrow(parseObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }, 'default'));
    await store.apply(draft, { dryRun: false, createOnly: true }, new AbortController().signal);
  }
  await Promise.all(waits);
  expect(store.begun).toBe(1);
  await vi.waitFor(() => expect(store.open.size).toBe(0));
});

test('objects that come and go while the daemon restarts', async () => {
  await using harness = await DaemonHarness.start();
  await harness.applySecret('old', { key: '1' });
  using client = connect(harness.lanternSocket);
  let timesAway = 0;
  const statesOf = followed(client, parseKind('secret'), () => void timesAway++);
  const [old, late] = [statesOf('old'), statesOf('late')];
  await reach(old, { metadata: { name: 'old' } });
  await reach(late, undefined);
  const coming = reach(late, { metadata: { name: 'late' } });
  // The list that precedes the watch is read.
  await reach(old, { metadata: { name: 'old' } });
  await harness.restart();
  await harness.applySecret('late', { key: '1' });
  await coming;
  await harness.client.objects.delete({ ref: { kind: 'Secret', namespace: 'default', name: 'old' } });
  await reach(old, undefined);
  expect(timesAway).toBe(1);
  await Promise.all([old.return(), late.return()]);
});

test('a volume that is mounted, becomes stale, recovers, and is unmounted', async () => {
  await using harness = await DaemonHarness.start({ publisher: 'direct' });
  await harness.applySecret('db', { key: '1' });
  mkdirSync(harness.target('v'));
  const stop = new AbortController();
  const states = waitForVolume(harness.client, 'v', () => {}).states(stop.signal);
  expect(await states.next()).toEqual({ done: false, value: undefined });
  const definition = { source: { secret: { secretName: 'db' } } };
  await harness.client.projector.mount({ volumeId: 'v', targetPath: harness.target('v'), definition });
  await reach(states, { state: 'READY' });
  await harness.client.objects.delete({ ref: { kind: 'Secret', namespace: 'default', name: 'db' } });
  await reach(states, { state: 'STALE' });
  await harness.applySecret('db', { key: '1' });
  await reach(states, { state: 'READY' });
  await harness.client.projector.unmount({ volumeId: 'v', targetPath: harness.target('v') });
  await reach(states, undefined);
  stop.abort();
});

test('a volume, while the daemon restarts', async () => {
  await using harness = await DaemonHarness.start({ publisher: 'direct' });
  await harness.applySecret('db', { key: '1' });
  const volume = { volumeId: 'v', targetPath: harness.target('v') };
  await harness.client.projector.mount({ ...volume, definition: { source: { secret: { secretName: 'db' } } } });
  using client = connect(harness.lanternSocket);
  let timesAway = 0;
  const stop = new AbortController();
  const states = waitForVolume(client, 'v', () => void timesAway++).states(stop.signal);
  await reach(states, { state: 'READY' });
  await harness.restart();
  await reach(states, { state: 'READY' });
  await harness.client.projector.unmount(volume);
  await reach(states, undefined);
  expect(timesAway).toBe(1);
  stop.abort();
});

test('the command waits, for each of several, and says when time is over', async () => {
  await using shell = new CommandLine();
  await shell.serve();
  await shell.output('create', 'configmap', 'old');
  // In the order of the words.
  const waiting = shell.run('wait', '--for=create', 'secret/late', 'cm/old');
  await shell.output('create', 'secret', 'generic', 'late', '--from-literal=a=b');
  const met = { code: 0, stdout: 'secret/late condition met\nconfigmap/old condition met\n', stderr: '' };
  expect(await waiting).toEqual(met);
  const deletion = shell.run('wait', '--for=delete', 'secret/late');
  await shell.output('delete', 'secret', 'late');
  expect(await deletion).toMatchObject({ code: 0, stdout: 'secret/late condition met\n' });
  expect(await shell.run('wait', '--for=delete', 'cm/old', '--timeout=50ms')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'lantern: timed out waiting for the condition on configmaps/old\n',
  });
  expect(await shell.run('wait', '--for=create', 'cm', '-l', 'a=b')).toMatchObject({
    code: 1,
    stderr: 'lantern: no matching resources found\n',
  });
  expect(await shell.run('wait', '--for=delete', 'cm', '-l', 'a=b')).toEqual({ code: 0, stdout: '', stderr: '' });
});

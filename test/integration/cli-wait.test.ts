import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseKind } from '../../src/cli/kinds.ts';
import { waitForObject, waitForVolume } from '../../src/cli/objects/wait-subjects.ts';
import { connect } from '../../src/rpc/client.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
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

test('an object that comes, changes and goes, among others', async () => {
  await using harness = await DaemonHarness.start();
  await harness.applySecret('other', { key: '1' });
  const place = { kind: parseKind('secret'), namespace: 'default', name: 'db' };
  const stop = new AbortController();
  const states = waitForObject(place, true, () => {}).states(harness.client, stop.signal);
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

test('a volume that is mounted, becomes stale, recovers, and is unmounted', async () => {
  await using harness = await DaemonHarness.start({ publisher: 'direct' });
  await harness.applySecret('db', { key: '1' });
  mkdirSync(harness.target('v'));
  const stop = new AbortController();
  const states = waitForVolume('v', () => {}).states(harness.client, stop.signal);
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
  const states = waitForVolume('v', () => void timesAway++).states(client, stop.signal);
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

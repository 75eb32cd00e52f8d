import { mkdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { connect } from '../../src/rpc/client.ts';
import { ManifestDirectory } from '../../src/stores/manifests/manifest-directory.ts';
import { KeySetFile } from '../../src/tokens/key-set-file.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const VOLUME = { volumeId: 'v', definition: { source: { secret: { secretName: 'db' } } } };

afterEach(() => vi.restoreAllMocks());

/** Holds a part's start until the promise it gives is resolved; `reached` resolves when the daemon has got there. */
function hold(part: { start(...args: never[]): Promise<void> }) {
  const { start } = part;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    vi.spyOn(part, 'start').mockImplementation(async function (this: unknown, ...args: never[]) {
      resolve();
      await released;
      await start.apply(this, args);
    });
  });
  return { reached, release };
}

test('a mount while the daemon is still starting finds the volume that is there already', async () => {
  await using harness = await DaemonHarness.start();
  await harness.applySecret('db', { password: 'one' });
  await harness.client.projector.mount({ ...VOLUME, targetPath: harness.target('first') });
  await harness.end();

  const { reached, release } = hold(KeySetFile.prototype);
  const starting = harness.begin();
  await reached;
  using early = connect(harness.lanternSocket);
  await early.projector.mount({ ...VOLUME, targetPath: harness.target('second') });
  release();
  await starting;

  await harness.applySecret('db', { password: 'two' });
  const { volumes } = await harness.client.projector.listVolumes({});
  expect(volumes.map(({ publications }) => publications.map(({ targetPath }) => targetPath).sort())).toEqual([
    [harness.target('first'), harness.target('second')],
  ]);
  for (const name of ['first', 'second']) {
    expect(readFileSync(`${harness.target(name)}/password`, 'utf8')).toBe('two');
  }
});

test('an unmount of all targets while manifests are still being read takes them all away', async () => {
  using manifests = new TempDir();
  mkdirSync(manifests.at('objects'));
  await using harness = await DaemonHarness.start({ manifests: manifests.at('objects') });
  await harness.applySecret('db', { password: 'one' });
  await harness.client.projector.mount({ ...VOLUME, targetPath: harness.target('first') });
  await harness.end();

  const { reached, release } = hold(ManifestDirectory.prototype);
  const starting = harness.begin();
  await reached;
  using early = connect(harness.lanternSocket);
  await early.projector.unmount({ volumeId: 'v' });
  release();
  await starting;
  expect((await harness.client.projector.listVolumes({})).volumes).toEqual([]);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IDLE_MS } from '../../src/mount/bind/pools.ts';
import type { Publisher } from '../../src/mount/publisher.ts';
import { connect } from '../../src/rpc/client.ts';
import { isRoot, mayMount } from '../support/host/privileges.ts';
import { BindWorld, hostVolume } from '../support/mount/bind-world.ts';
import { DaemonHarness, mountsBelow } from '../support/projection/daemon-harness.ts';
import { endOf, firstLine } from '../support/suite/command-line.ts';
import { compiled } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume/volume-content.ts';

const SPEC = { source: { secret: { secretName: 'db' } } };

/** A volume came and went; its pool is left. */
function begin() {
  const world = new BindWorld({ keepIdlePools: true });
  const before = world.inventory();
  const { publisher, volume, target } = hostVolume(world);
  volume.saveRecord(recordOf(volumeId('db'), [{ target }]));
  volume.publish(target, undefined, []);
  volume.unpublish(target);
  volume.remove();
  return { world, before, publisher, target };
}

describe.runIf(isRoot)('a pool without volumes (needs root)', () => {
  test('holds nothing, serves the next volume, and goes after a while', () => {
    const { world, before, publisher, target } = begin();
    using _ = world;
    const [pool] = world.fixture.mounts();
    expect(world.mounts()).toEqual([`/ on ${pool?.mountPoint}`]);
    expect(readdirSync(pool?.mountPoint ?? '')).toEqual([]);
    world.clock.advance(IDLE_MS - 1);
    const next = publisher.open(volumeId('next'), 'default');
    next.write(payloadOf({ key: 'two' }));
    next.publish(target, undefined, []);
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('two');
    expect(world.fixture.mounts()).toMatchObject([{ id: pool?.id }, { device: pool?.device }]);
    next.unpublish(target);
    next.remove();
    world.clock.advance(IDLE_MS);
    expect([world.inventory(), world.clock.pending]).toEqual([before, 0]);
  });

  const ends: [string, (publisher: Publisher, world: BindWorld) => unknown][] = [
    ['the daemon ends', (publisher) => publisher[Symbol.asyncDispose]()],
    ['everything is taken away', (publisher) => publisher.removeAll()],
    ['a daemon starts after a kill', (_publisher, world) => expect(world.start().resume()).toEqual([])],
  ];
  test.each(ends)('goes when %s', async (_when, end) => {
    const { world, before, publisher } = begin();
    using _ = world;
    expect(world.mounts()).toHaveLength(1);
    await end(publisher, world);
    expect(world.inventory()).toEqual(before);
  });
});

describe.runIf(mayMount)('the pools of a daemon (needs root)', () => {
  const kept: ['namespace' | 'volume', number][] = [
    ['namespace', 1],
    ['volume', 0],
  ];
  test.each(kept)(
    'isolation by %s keeps %i when the last volume goes, and none when the daemon ends',
    async (isolation, count) => {
      await using harness = await DaemonHarness.start({ publisher: 'bind', isolation });
      await harness.applySecret('db', { password: 'secret' });
      const targetPath = harness.target('t');
      for (const volumeId of ['one', 'two', 'one']) {
        await harness.client.projector.mount({ volumeId, definition: SPEC, targetPath });
        expect(mountsBelow(harness.directory.path)).toHaveLength(2);
        await harness.client.projector.unmount({ volumeId, targetPath });
        expect(mountsBelow(harness.directory.path)).toHaveLength(count);
      }
      await harness.end();
      expect(mountsBelow(harness.directory.path)).toEqual([]);
    },
  );

  test('an empty pool of a daemon that was killed is swept by the next', async () => {
    const program = compiled('src/main.ts');
    using directory = new TempDir('/dev/shm');
    const flags = ['serve', '--run-dir', directory.at('run'), '--store', 'memory', '--publisher', 'bind'];
    const start = async () => {
      const daemon = spawn(process.execPath, [program, ...flags, '--log-level', 'error']);
      await firstLine(daemon);
      return daemon;
    };
    const daemon = await start();
    using client = connect(directory.at('run/lantern.sock'));
    await client.objects.apply({ object: { metadata: { name: 'db' }, secret: { data: { a: Buffer.from('1') } } } });
    const where = { volumeId: 'v', targetPath: directory.at('t') };
    await client.projector.mount({ ...where, definition: SPEC });
    await client.projector.unmount(where);
    expect(mountsBelow(directory.path)).toHaveLength(1);
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
    expect(mountsBelow(directory.path)).toHaveLength(1);
    const next = await start();
    expect(mountsBelow(directory.path)).toEqual([]);
    await endOf(next, 'SIGTERM');
  });
});

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { BindPublisher } from '../../src/mount/bind-publisher.ts';
import { LinuxMounter } from '../../src/mount/linux-mounter.ts';
import { Pools } from '../../src/mount/pools.ts';
import type { HostedVolume, Publisher } from '../../src/mount/publisher.ts';
import { TargetRoots } from '../../src/mount/target.ts';
import { nodeFileSystem } from '../../src/volume/node-file-system.ts';
import { BindWorld } from '../support/bind-world.ts';
import { relativePath } from '../support/builders.ts';
import { lanternErrorOf } from '../support/lantern-error.ts';
import { isRoot, mountTable } from '../support/mount-fixture.ts';
import { openDescriptors } from '../support/open-descriptors.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume-content.ts';

const ID = volumeId('db');

function arrange(world: BindWorld): { publisher: Publisher; volume: HostedVolume; target: string } {
  const publisher = world.start();
  publisher.resume();
  const volume = publisher.open(ID, 'default');
  volume.write(payloadOf({ key: 'one' }));
  return { publisher, volume, target: join(world.targets, 'a') };
}

/** A process that answers each command line with a line of its own. */
class Shell implements AsyncDisposable {
  readonly #process;
  readonly #lines;

  constructor(...command: readonly string[]) {
    const [file = 'sh', ...args] = [...command, 'sh'];
    this.#process = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async run(command: string): Promise<string> {
    this.#process.stdin.write(`${command}\n`);
    return String((await this.#lines.next()).value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

describe.runIf(isRoot)('bind publications (needs root)', () => {
  test('modes, owners and the mount group are what the payload says', () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.write(
      payloadOf(
        {
          owned: { text: 'x', mode: 0o440, user: 1234, group: 5678 },
          'd/shared': { text: 'x', mode: 0o444, group: 777 },
        },
        777,
      ),
    );
    volume.publish(target, undefined, []);
    const look = (path: string) => {
      const { mode, uid, gid } = statSync(join(target, path));
      return [mode & 0o7777, uid, gid];
    };
    expect(look('owned')).toEqual([0o440, 1234, 5678]);
    expect(look('d/shared')).toEqual([0o444, 0, 777]);
    expect(look('..data/d')).toEqual([0o2755, 0, 777]);
  });

  test('another user enters the publication and reads what its mode allows', () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.write(payloadOf({ open: 'x', closed: { text: 'x', mode: 0o400 } }));
    volume.publish(target, undefined, []);
    execFileSync('chmod', ['0755', world.fixture.path, world.targets]);
    const asNobody = (path: string) =>
      execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'cat', path], {
        stdio: 'pipe',
      }).toString();
    expect(asNobody(join(target, 'open'))).toBe('x');
    expect(() => asNobody(join(target, 'closed'))).toThrow(/denied/);
    expect(() => asNobody(world.recordFile(volume))).toThrow(/denied/);
  });

  test.each(['slave', 'private'])('a container that took the target along (%s) sees updates', async (propagation) => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    mkdirSync(world.fixture.at('container'));
    await using container = new Shell('unshare', '-m', '--propagation', propagation);
    expect(await container.run(`mount --rbind ${world.targets} ${world.fixture.at('container')} && echo bound`)).toBe(
      'bound',
    );
    const key = join(world.fixture.at('container'), 'a', 'key');
    expect(await container.run(`echo $(cat ${key})`)).toBe('one');
    volume.write(payloadOf({ key: 'two' }));
    expect(await container.run(`echo $(cat ${key})`)).toBe('two');
    expect(await container.run(`(echo x > ${key}) 2>/dev/null || echo refused`)).toBe('refused');
  });

  test('a mount made after the container started reaches it over a slave mount', async () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    await using container = new Shell('unshare', '-m', '--propagation', 'slave');
    expect(await container.run('echo ready')).toBe('ready');
    volume.publish(target, undefined, []);
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('one');
    volume.unpublish(target);
    expect(await container.run(`test -e ${target} || echo gone`)).toBe('gone');
  });

  test('a busy target is unmounted', async () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    await using inside = new Shell();
    expect(await inside.run(`cd ${target} && exec 3< key && pwd`)).toBe(target);
    volume.unpublish(target);
    expect(readdirSync(world.targets)).toEqual([]);
    volume.remove();
    expect(world.mounts()).toEqual([]);
    expect(await inside.run('cat <&3; echo')).toBe('one');
  });

  test('a target that is replaced by a link between check and mount is left, and nothing stays mounted', () => {
    using world = new BindWorld();
    const { target } = arrange(world);
    const moved = join(world.targets, 'moved');
    class Racing extends LinuxMounter {
      override bind(...[source, opened, flags]: Parameters<LinuxMounter['bind']>) {
        renameSync(target, moved);
        symlinkSync('/etc', target);
        return super.bind(source, opened, flags);
      }
    }
    const mounter = new Racing({ noswap: false });
    const publisher = new BindPublisher({
      mounter,
      pools: new Pools({ mounter, directory: join(world.run, 'pools'), poolBytes: 65_536, totalBytes: 1_000_000 }),
      targets: new TargetRoots([world.targets], []),
      fs: nodeFileSystem,
      clock: world.clock,
      canChangeOwners: true,
      cautions: [],
    });
    const volume = publisher.open(volumeId('raced'), 'elsewhere');
    volume.write(payloadOf({ key: 'one' }));
    const before = [world.mounts(), openDescriptors()];
    expect(lanternErrorOf(() => volume.publish(target, undefined, [])).code).toBe('aborted');
    expect([world.mounts(), openDescriptors()]).toEqual(before);
    expect(readdirSync(moved)).toEqual([]);
    expect(volume.isPublished(target)).toBe(false);
  });

  test('foreign mounts are neither covered nor unmounted', () => {
    using world = new BindWorld();
    const { publisher, volume, target } = arrange(world);
    mkdirSync(target);
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    const before = [world.mounts(), openDescriptors()];
    expect(lanternErrorOf(() => volume.publish(target, undefined, [])).code).toBe('failed-precondition');
    volume.unpublish(target);
    publisher.clear(volumeId('other'), target);
    expect([world.mounts(), openDescriptors()]).toEqual(before);
  });

  test('what somebody mounted over a publication stays, and the publication goes once that is gone', () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    const before = world.mounts();
    volume.unpublish(target);
    expect(world.mounts()).toEqual(before);
    execFileSync('umount', [target]);
    volume.unpublish(target);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('a covered publication is resumed all the same: a container may still see it', async () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    await using container = new Shell('unshare', '-m', '--propagation', 'private');
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('one');
    execFileSync('mount', ['-t', 'tmpfs', 'foreign', target]);
    const [resumed] = world.start().resume();
    expect(resumed?.liveTargets).toMatchObject([{ target }]);
    expect(resumed?.volume.isPublished(target)).toBe(false);
    resumed?.volume.write(payloadOf({ key: 'two' }));
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('two');
  });

  test('a restart with a full pool does not refuse what is there already', () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    const payload = payloadOf({ key: 'one', blob: 'x'.repeat(800_000) });
    volume.write(payload);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    const [resumed] = world.start().resume();
    expect(resumed?.volume.write(payload).changed).toBe(false);
  });

  test('a volume cannot be published inside a publication', () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.write(payloadOf({ empty: '', key: 'one' }));
    volume.publish(target, undefined, []);
    const before = world.mounts();
    const inside = join(target, volume.generation ?? '');
    for (const [name, subPath] of [
      ['empty', relativePath('key')],
      ['new', undefined],
    ] as const) {
      expect(lanternErrorOf(() => volume.publish(join(inside, name), subPath, [])).code).toBe('failed-precondition');
    }
    expect(world.mounts()).toEqual(before);
  });

  test('1,000 volumes are mounted, updated and unmounted, and the mount table is back where it was', () => {
    using world = new BindWorld({ poolBytes: 64 * 1024 * 1024, poolTotalBytes: 64 * 1024 * 1024 });
    const publisher = world.start();
    publisher.resume();
    const before = [world.mounts(), openDescriptors()];
    const targets = Array.from({ length: 1000 }, (_, index) => join(world.targets, `t${index}`));
    const volumes = targets.map((target, index) => {
      const volume = publisher.open(volumeId(`volume-${index}`), 'default');
      volume.write(payloadOf({ key: 'one', index: String(index) }));
      volume.saveRecord(recordOf(volumeId(`volume-${index}`), [{ target }]));
      volume.publish(target, undefined, []);
      return volume;
    });
    expect(world.mounts()).toHaveLength(1001);
    const changed = payloadOf({ key: 'two' });
    for (const volume of volumes) volume.write(changed);
    expect(new Set(targets.map((target) => readFileSync(join(target, 'key'), 'utf8')))).toEqual(new Set(['two']));
    const next = world.start();
    const resumed = next.resume();
    expect(resumed).toHaveLength(1000);
    expect(world.mounts()).toHaveLength(1001);
    for (const { volume, liveTargets } of resumed) {
      for (const { target } of liveTargets) volume.unpublish(target);
      volume.remove();
    }
    expect([world.mounts(), openDescriptors()]).toEqual(before);
    expect(readdirSync(world.targets)).toEqual([]);
  }, 60_000);

  test('a full pool keeps the old contents whole and takes the new ones once there is room', () => {
    using world = new BindWorld();
    const { publisher, volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    const big = publisher.open(volumeId('big'), 'default');
    big.write(payloadOf({ blob: 'x'.repeat(600_000) }));
    const refused = lanternErrorOf(() => volume.write(payloadOf({ key: 'two', blob: 'y'.repeat(600_000) })));
    expect(refused).toMatchObject({ code: 'resource-exhausted', reason: 'POOL_FULL' });
    expect(refused.message).not.toContain('yyy');
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('one');
    expect(readdirSync(target)).toHaveLength(3);
    volume.saveRecord(recordOf(ID, [{ target }]));
    volume.unpublish(target);
    volume.publish(target, undefined, []);
    big.remove();
    volume.write(payloadOf({ key: 'two', blob: 'y'.repeat(600_000) }));
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('two');
  });

  test('what is kept for slow readers makes room when the pool needs it', () => {
    using world = new BindWorld();
    const { publisher, volume } = arrange(world);
    const other = publisher.open(volumeId('other'), 'default');
    other.write(payloadOf({ blob: 'x'.repeat(600_000) }));
    other.write(payloadOf({ small: 'x' }));
    volume.write(payloadOf({ blob: 'y'.repeat(600_000) }));
    expect(volume.files()).toMatchObject([{ path: 'blob', size: 600_000 }]);
  });
});

describe.runIf(isRoot)('a publication whose pool is gone (needs root)', () => {
  /** As after a restart in which the pools were lost: two publications live on, and a reader has one of them open. */
  function lose(world: BindWorld) {
    const { volume, target } = arrange(world);
    const second = join(world.targets, 'b');
    for (const each of [target, second]) volume.publish(each, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }, { target: second }]));
    for (const name of readdirSync(join(world.run, 'pools'))) {
      execFileSync('umount', ['-l', join(world.run, 'pools', name)]);
      rmdirSync(join(world.run, 'pools', name));
    }
    const publisher = world.start();
    expect(publisher.resume()).toEqual([]);
    return { publisher, target, second };
  }

  test('is taken over by the next publish for it: whoever has it mounted sees updates', async () => {
    using world = new BindWorld();
    const { publisher, target, second } = lose(world);
    await using container = new Shell('unshare', '-m', '--propagation', 'private');
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('one');
    const volume = publisher.open(ID, 'default');
    // What is retired of the pool's own generations must not reach into the file system that is taken over.
    for (const text of ['two', 'two and a half', 'two']) volume.write(payloadOf({ key: text }));
    const mountsAt = (path: string) => mountTable().filter(({ mountPoint }) => mountPoint === path);
    const before = [target, second].map(mountsAt);
    volume.publish(target, undefined, []);
    world.clock.advance(10_000);
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('two');
    volume.publish(second, undefined, []);
    expect([target, second].map(mountsAt)).toEqual(before);
    const third = join(world.targets, 'c');
    volume.publish(third, undefined, []);
    volume.write(payloadOf({ key: 'three' }));
    for (const each of [target, second, third]) expect(readFileSync(join(each, 'key'), 'utf8')).toBe('three');
    expect(() => writeFileSync(join(target, 'key'), 'x')).toThrow(/EROFS/);
    volume.saveRecord(recordOf(ID, [{ target }, { target: second }, { target: third }]));
    const mounts = world.mounts();

    const [resumed] = world.start().resume();
    expect(resumed?.liveTargets.map((live) => live.target).sort()).toEqual([target, second, third]);
    expect(world.mounts()).toEqual(mounts);
    resumed?.volume.write(payloadOf({ key: 'four' }));
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('four');
    for (const each of [target, second, third]) resumed?.volume.unpublish(each);
    resumed?.volume.remove();
    expect(world.mounts()).toEqual([]);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('is replaced when the volume has begun a new life at another target', () => {
    using world = new BindWorld();
    const { publisher, target } = lose(world);
    const volume = publisher.open(ID, 'default');
    volume.write(payloadOf({ key: 'two' }));
    const third = join(world.targets, 'c');
    volume.publish(third, undefined, []);
    volume.publish(target, undefined, []);
    volume.write(payloadOf({ key: 'three' }));
    for (const each of [target, third]) expect(readFileSync(join(each, 'key'), 'utf8')).toBe('three');
  });

  test('is taken away by unpublishing the unknown volume, and not for another one', () => {
    using world = new BindWorld();
    const { publisher, target, second } = lose(world);
    for (const each of [target, second]) publisher.clear(volumeId('other'), each);
    expect(world.mounts()).toHaveLength(2);
    for (const each of [target, second, second]) publisher.clear(ID, each);
    expect(world.mounts()).toEqual([]);
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('is not taken over by another volume', () => {
    using world = new BindWorld();
    const { publisher, target } = lose(world);
    const other = publisher.open(volumeId('other'), 'default');
    other.write(payloadOf({ key: 'theirs' }));
    expect(lanternErrorOf(() => other.publish(target, undefined, [])).code).toBe('failed-precondition');
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('one');
  });

  test('is left alone while another daemon has its pool mounted', () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    const other = world.start();
    mkdirSync(world.fixture.at('other-run'));
    const neighbour = new BindWorld({ runDirectory: world.fixture.at('other-run'), targetRoots: [world.targets] });
    using _ = neighbour;
    expect(other.kind).toBe('bind');
    const theirs = neighbour.start();
    theirs.resume();
    const mine = theirs.open(ID, 'default');
    mine.write(payloadOf({ key: 'theirs' }));
    expect(lanternErrorOf(() => mine.publish(target, undefined, [])).code).toBe('failed-precondition');
    expect(readFileSync(join(target, 'key'), 'utf8')).toBe('one');
  });
});

describe.runIf(isRoot)('detectPublisher (needs root)', () => {
  test('targets reached by a link, or in the run directory, are refused', () => {
    using world = new BindWorld({ targetRoots: ['/'] });
    const { volume } = arrange(world);
    symlinkSync('/etc', join(world.targets, 'link'));
    for (const target of [join(world.targets, 'link/t'), join(world.run, 't'), join(world.run, 'pools')]) {
      expect(lanternErrorOf(() => volume.publish(target, undefined, [])).code).toBe('failed-precondition');
    }
  });

  test('starting over and over keeps the number of mounts', () => {
    using world = new BindWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    const before = [world.inventory(), openDescriptors()];
    for (let round = 0; round < 20; round += 1) {
      const publisher = world.start();
      const [resumed] = publisher.resume();
      resumed?.volume.publish(target, undefined, []);
      publisher.open(ID, 'default');
    }
    expect([world.inventory(), openDescriptors()]).toEqual(before);
  });
});

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isRoot } from '../support/host/privileges.ts';
import { openDescriptors, Shell } from '../support/host/process.ts';
import { BindWorld, hostVolume } from '../support/mount/bind-world.ts';
import { payloadOf } from '../support/volume/volume-content.ts';

describe.runIf(isRoot)('bind publications (needs root)', () => {
  test('modes, owners and the mount group are what the payload says', () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
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
    const { volume, target } = hostVolume(world);
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
    const { volume, target } = hostVolume(world);
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
    const { volume, target } = hostVolume(world);
    await using container = new Shell('unshare', '-m', '--propagation', 'slave');
    expect(await container.run('echo ready')).toBe('ready');
    volume.publish(target, undefined, []);
    expect(await container.run(`echo $(cat ${target}/key)`)).toBe('one');
    volume.unpublish(target);
    expect(await container.run(`test -e ${target} || echo gone`)).toBe('gone');
  });

  test('a busy target is unmounted', async () => {
    using world = new BindWorld();
    const { volume, target } = hostVolume(world);
    volume.publish(target, undefined, []);
    await using inside = new Shell();
    expect(await inside.run(`cd ${target} && exec 3< key && pwd`)).toBe(target);
    volume.unpublish(target);
    expect(readdirSync(world.targets)).toEqual([]);
    volume.remove();
    expect(world.mounts()).toEqual([]);
    expect(await inside.run('cat <&3; echo')).toBe('one');
  });
});

describe.runIf(isRoot)('detectPublisher (needs root)', () => {
  test('auto is bind here, direct is direct, and neither leaves anything of its probing', () => {
    for (const [kind, chosen] of [
      ['auto', 'bind'],
      ['direct', 'direct'],
    ] as const) {
      using world = new BindWorld({ kind });
      const before = openDescriptors();
      const publisher = world.start();
      expect(publisher.kind).toBe(chosen);
      expect(publisher.canChangeOwners).toBe(true);
      expect(world.inventory()).toEqual(['targets']);
      expect(openDescriptors()).toBe(before);
    }
  });
});

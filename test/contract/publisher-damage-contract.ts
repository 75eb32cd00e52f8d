import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostedVolume } from '../../src/mount/publisher.ts';
import { relativePath } from '../support/objects/builders.ts';
import { recordOf } from '../support/volume/volume-content.ts';
import {
  arrange,
  contents,
  FIRST,
  ID,
  type PublisherDeviations,
  type PublisherWorld,
  RETIREMENT_MS,
  SECOND,
  settle,
} from './publisher-world.ts';

/** Changes that others may make to a volume's directory, and the phrase that reports each. */
const DAMAGES: Readonly<Record<string, readonly [damage: (directory: string) => void, said: RegExp]>> = {
  'a visible link is removed': [(at) => fs.unlinkSync(join(at, 'user')), /"user" was removed/],
  'a visible link is replaced by a file': [
    (at) => {
      fs.writeFileSync(join(at, 'copy'), 'edited');
      fs.renameSync(join(at, 'copy'), join(at, 'user'));
    },
    /"user" was replaced/,
  ],
  'a visible link is replaced by a directory': [
    (at) => {
      fs.unlinkSync(join(at, 'tls'));
      fs.mkdirSync(join(at, 'tls'));
    },
    /"tls" was replaced/,
  ],
  'a visible link leads elsewhere': [
    (at) => {
      fs.unlinkSync(join(at, 'user'));
      fs.symlinkSync('/etc/passwd', join(at, 'user'));
    },
    /"user" was replaced/,
  ],
  'a visible link is added': [(at) => fs.symlinkSync('..data/other', join(at, 'other')), /"other" was added/],
  'a file is removed': [(at) => fs.unlinkSync(join(at, '..data/tls/crt')), /the file "tls\/crt" was removed/],
  'a file is overwritten by as many bytes': [
    (at) => fs.writeFileSync(join(at, '..data/tls/crt'), 'xx'),
    /the file "tls\/crt" was changed/,
  ],
  'a byte of a file is changed in place': [
    (at) => {
      const file = join(at, '..data/user');
      const { mode } = fs.statSync(file);
      // Only root can write to a read-only file.
      fs.chmodSync(file, 0o600);
      const fd = fs.openSync(file, 'r+');
      fs.writeSync(fd, 'A', 0);
      fs.closeSync(fd);
      fs.chmodSync(file, mode);
    },
    /the file "user" was changed/,
  ],
  'a file gets another mode': [(at) => fs.chmodSync(join(at, '..data/user'), 0o644), /the file "user" was changed/],
  'a file is added': [(at) => fs.writeFileSync(join(at, '..data/more'), 'x'), /the file "more" was added/],
  'a subdirectory is removed': [
    (at) => fs.rmSync(join(at, '..data/tls'), { recursive: true }),
    /the file "tls\/crt" was removed/,
  ],
  'a subdirectory gets another mode': [(at) => fs.chmodSync(join(at, '..data/tls'), 0o700), /directories were changed/],
  'the directory gets another mode': [(at) => fs.chmodSync(at, 0o700), /the directory's mode or group was changed/],
  '..data is removed': [(at) => fs.unlinkSync(join(at, '..data')), /"\.\.data" did not lead/],
  '..data leads elsewhere': [
    (at) => {
      fs.unlinkSync(join(at, '..data'));
      fs.symlinkSync('elsewhere', join(at, '..data'));
    },
    /"\.\.data" did not lead/,
  ],
  '..data is a directory with something in it': [
    (at) => {
      fs.unlinkSync(join(at, '..data'));
      fs.mkdirSync(join(at, '..data/x'), { recursive: true });
    },
    /"\.\.data" did not lead/,
  ],
  '..data is removed, and a visible link replaced by a file': [
    (at) => {
      for (const name of ['..data', 'user']) fs.unlinkSync(join(at, name));
      fs.writeFileSync(join(at, 'user'), 'edited');
    },
    /"user" was replaced.*"\.\.data" did not lead/,
  ],
  'the generation is removed': [
    (at) => fs.rmSync(fs.realpathSync(join(at, '..data')), { recursive: true }),
    /"\.\.data" did not lead/,
  ],
  'everything in it is removed': [
    (at) => {
      for (const name of fs.readdirSync(at)) fs.rmSync(join(at, name), { recursive: true });
    },
    /"user" was removed/,
  ],
};

/** The damages that a look finds, repairs or reports. */
export function publisherDamageContract(createWorld: () => PublisherWorld, deviations: PublisherDeviations): void {
  const place = (world: PublisherWorld, volume: HostedVolume, target: string) => {
    return deviations.isWritableByOwner === true ? target : join(dirname(world.recordFile(volume)), 'data');
  };

  describe.each(Object.entries(DAMAGES))('%s', (_, [damage, said]) => {
    test.each([
      ['at the first look', false],
      ['after a look that found nothing', true],
    ])('%s', async (_, isLookedAt) => {
      using world = createWorld();
      const { volume, target } = arrange(world);
      volume.publish(target, undefined, []);
      await settle(world);
      if (isLookedAt) expect(await volume.look()).toEqual({ repaired: [], lasting: [] });
      expect(volume.isUntouched(target)).toBe(isLookedAt);
      damage(place(world, volume, target));
      expect(volume.isUntouched(target)).toBe(false);
      const { repaired, lasting } = await volume.look();
      expect(repaired.join(', ')).toMatch(said);
      expect(lasting).toEqual([]);
      expect(contents(target)).toEqual({ 'tls/crt': 'c1', 'tls/key': 'k1', user: 'admin' });
      expect(fs.statSync(join(target, 'user')).mode & 0o777).toBe(0o400);
      expect(fs.statSync(join(target, 'tls')).mode & 0o777).toBe(0o755);
      expect(fs.statSync(target).mode & 0o777).toBe(0o755);
      expect(fs.readlinkSync(join(target, '..data'))).toBe(volume.generation);
      expect(
        fs
          .readdirSync(target)
          .filter((name) => !name.startsWith('..'))
          .sort(),
      ).toEqual(['tls', 'user']);
      expect(await volume.look()).toEqual({ repaired: [], lasting: [] });
      expect((await volume.write(FIRST)).changed).toBe(false);
      expect((await volume.write(SECOND)).changed).toBe(true);
      expect(contents(target)).toEqual({ added: 'x', 'tls/key': 'k2', user: 'root' });
    });
  });

  test('a look at what nobody touched changes nothing, also after an update and its retirement', async () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    for (const payload of [SECOND, FIRST]) {
      volume.write(payload);
      await settle(world);
      world.clock.advance(RETIREMENT_MS);
      const before = fs.lstatSync(join(target, '..data')).ino;
      for (let round = 0; round < 3; round++) expect(await volume.look()).toEqual({ repaired: [], lasting: [] });
      expect(fs.lstatSync(join(target, '..data')).ino).toBe(before);
    }
  });

  test('a damage that came while the daemon was down is repaired by its first write', async () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    fs.unlinkSync(join(place(world, volume, target), 'user'));
    const [resumed] = world.start().resume();
    expect(await resumed?.volume.look()).toEqual({ repaired: [], lasting: [] });
    expect((await resumed?.volume.write(FIRST))?.changedPaths).toEqual(['user']);
    expect(contents(target)).toMatchObject({ user: 'admin' });
  });

  test("strangers' files beside the volume's own stay", async () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    volume.publish(target, undefined, []);
    const stranger = join(place(world, volume, target), 'notes');
    fs.writeFileSync(stranger, 'mine');
    expect(await volume.look()).toEqual({ repaired: [], lasting: [] });
    expect(fs.readFileSync(stranger, 'utf8')).toBe('mine');
  });

  test.runIf(deviations.isWritableByOwner !== true)(
    'what a subPath shows is told, until it is mounted again',
    async () => {
      using world = createWorld();
      const { volume, target } = arrange(world);
      volume.publish(target, relativePath('tls'), []);
      const file = join(place(world, volume, target), '..data/tls/crt');
      fs.writeFileSync(file, 'xx');
      const lasting = [expect.stringContaining(`the subPath "tls" at "${target}"`)];
      expect(await volume.look()).toEqual({ repaired: ['the file "tls/crt" was changed'], lasting });
      expect(await volume.look()).toEqual({ repaired: [], lasting });
      volume.unpublish(target);
      volume.publish(target, relativePath('tls'), []);
      expect(await volume.look()).toEqual({ repaired: [], lasting: [] });
      expect(contents(target)).toEqual({ crt: 'c1', key: 'k1' });
    },
  );
}

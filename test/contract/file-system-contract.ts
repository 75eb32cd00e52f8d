import { describe, expect, test } from 'vitest';
import { errnoOf } from '../../src/base/errors.ts';
import { createFile, replaceFile, type VolumeFs } from '../../src/volume/file-system.ts';

/** A file system to try, and an empty directory on it. */
export interface FileSystemPlace extends Disposable {
  readonly fs: VolumeFs;
  readonly directory: string;
}

export type FileSystemTraits = {
  /** Whether files can be given to other users. */
  readonly givesOwners: boolean;
  /** A link inside of a path is not followed, but refused. */
  readonly refusesLinks?: boolean;
};

/** The behaviour of a file system that the writer relies on. */
export function fileSystemContract(
  name: string,
  open: () => FileSystemPlace,
  { givesOwners, refusesLinks = false }: FileSystemTraits,
): void {
  describe(`VolumeFs: ${name}`, () => {
    test('a new file has its bytes and its exact mode, belongs to the owner, and its name is taken', () => {
      using place = open();
      const { fs } = place;
      const path = `${place.directory}/file`;
      createFile(fs, path, Buffer.from([0, 255, 10]), {}, 0o777);
      expect(fs.lstat(path)).toEqual({ type: 'file', mode: 0o777, size: 3, ...fs.owner });
      expect([...fs.readFile(path)]).toEqual([0, 255, 10]);
      expect(errnoBy(() => fs.create(path, 0o600))).toBe('EEXIST');
    });

    test.each([0, 0o022, 0o077])('a mode is exact under umask %o, also if it may be set at once', (mask) => {
      using place = open();
      const { fs, directory } = place;
      const before = process.umask(mask);
      try {
        for (const mode of [0o400, 0o644, 0o666]) {
          createFile(fs, `${directory}/${mode}`, Buffer.from('x'), {}, mode, fs.umask());
          expect(fs.lstat(`${directory}/${mode}`)?.mode).toBe(mode);
        }
      } finally {
        process.umask(before);
      }
    });

    test('an empty file and one of a megabyte are written whole', () => {
      using place = open();
      const { fs, directory } = place;
      const large = Buffer.alloc(1024 * 1024, 'x');
      createFile(fs, `${directory}/large`, large, {}, 0o644);
      createFile(fs, `${directory}/empty`, Buffer.alloc(0), {}, 0o644);
      expect(large.equals(fs.readFile(`${directory}/large`))).toBe(true);
      expect(fs.readFile(`${directory}/empty`)).toHaveLength(0);
    });

    test('what is there already is emptied when it is replaced', () => {
      using place = open();
      const { fs, directory } = place;
      createFile(fs, `${directory}/record.tmp`, Buffer.from('a long stale text'), {}, 0o600);
      replaceFile(fs, `${directory}/record`, Buffer.from('one'));
      replaceFile(fs, `${directory}/record`, Buffer.from('2'));
      expect(Buffer.from(fs.readFile(`${directory}/record`)).toString()).toBe('2');
      expect(fs.readdir(directory)).toEqual([{ name: 'record', type: 'file' }]);
      expect(fs.lstat(`${directory}/record`)?.mode).toBe(0o600);
    });

    test.skipIf(!givesOwners)(
      'owners: one half may stay; a file of another, 0400, can still be read and removed',
      () => {
        using place = open();
        const { fs } = place;
        const path = `${place.directory}/file`;
        createFile(fs, path, Buffer.from('bytes'), { user: 1234 }, 0o400);
        expect(fs.lstat(path)).toMatchObject({ user: 1234, group: fs.owner.group });
        fs.chown(path, { group: 4321 });
        expect(fs.lstat(path)).toMatchObject({ user: 1234, group: 4321, mode: 0o400 });
        expect(Buffer.from(fs.readFile(path)).toString()).toBe('bytes');
        expect(fs.lstat(path)?.mode).toBe(0o400);
        fs.unlink(path);
        expect(fs.lstat(path)).toBeUndefined();
      },
    );

    test('a directory takes its exact mode, setgid included; it must be empty to go, and its name is taken', () => {
      using place = open();
      const { fs } = place;
      const path = `${place.directory}/directory`;
      fs.mkdir(path, 0o700);
      fs.chmod(path, 0o2755);
      expect(fs.lstat(path)).toMatchObject({ type: 'directory', mode: 0o2755 });
      expect(fs.lstat(`${path}/.`)).toMatchObject({ type: 'directory', mode: 0o2755 });
      expect(errnoBy(() => fs.mkdir(path, 0o700))).toBe('EEXIST');
      fs.close(fs.create(`${path}/file`, 0o600));
      expect(errnoBy(() => fs.rmdir(path))).toBe('ENOTEMPTY');
      fs.unlink(`${path}/file`);
      fs.rmdir(path);
      expect(fs.lstat(path)).toBeUndefined();
    });

    test('a listing tells kinds, and does not follow links', () => {
      using place = open();
      const { fs, directory } = place;
      fs.mkdir(`${directory}/directory`, 0o755);
      fs.close(fs.create(`${directory}/.file`, 0o600));
      fs.symlink('directory', `${directory}/link`);
      const listing = [...fs.readdir(directory)].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(listing).toEqual([
        { name: '.file', type: 'file' },
        { name: 'directory', type: 'directory' },
        { name: 'link', type: 'symlink' },
      ]);
    });

    test('a link may lead nowhere, is not followed to read, and its name is taken', () => {
      using place = open();
      const { fs, directory } = place;
      const path = `${directory}/link`;
      fs.symlink('../no/where', path);
      expect(fs.readlink(path)).toBe('../no/where');
      expect(fs.lstat(path)).toMatchObject({ type: 'symlink', mode: 0o777, size: '../no/where'.length });
      expect(errnoBy(() => fs.readFile(path))).toBe('ELOOP');
      expect(errnoBy(() => fs.symlink('x', path))).toBe('EEXIST');
      expect(errnoBy(() => fs.create(path, 0o600))).toBe('EEXIST');
    });

    test('a stamp stays while nobody touches what is there, and is another for what takes its place', () => {
      using place = open();
      const { fs, directory } = place;
      const path = `${directory}/file`;
      const stamp = () => fs.stamps([path])[0];
      for (const each of [path, `${path}.new`]) fs.close(fs.create(each, 0o644));
      const before = stamp();
      expect(before).toEqual({
        inode: expect.any(Number),
        seconds: expect.any(Number),
        nanoseconds: expect.any(Number),
      });
      fs.readFile(path);
      expect(stamp()).toEqual(before);
      fs.rename(`${path}.new`, path);
      expect(stamp()?.inode).not.toBe(before?.inode);
      fs.unlink(path);
      expect(stamp()).toBeUndefined();
      fs.symlink('nowhere', path);
      expect(stamp()).toBeDefined();
    });

    test('stamps come in the order of their paths, whatever directories these are in, and none for what is nowhere', () => {
      using place = open();
      const { fs, directory } = place;
      const paths = ['', '/a', '/a/x', '/b', '/a/y', '/b/x', '/b/y', '/z'].map((path) => `${directory}${path}`);
      for (const name of ['a', 'b']) {
        fs.mkdir(`${directory}/${name}`, 0o700);
        for (const file of ['x', 'y']) fs.close(fs.create(`${directory}/${name}/${file}`, 0o600));
      }
      fs.close(fs.create(`${directory}/z`, 0o600));
      const apart = paths.map((path) => fs.stamps([path])[0]);
      expect(new Set(apart.map((stamp) => stamp?.inode)).size).toBe(paths.length);
      expect(fs.stamps(paths)).toEqual(apart);
      // A directory that is none, or is missing, on the way.
      const nowhere = ['/z/x', '/gone/x', '/a/gone'].map((path) => `${directory}${path}`);
      expect(fs.stamps(nowhere.flatMap((path) => [path, `${directory}/b/x`]))).toEqual(
        nowhere.flatMap(() => [undefined, apart[5]]),
      );
    });

    test('files are removed whatever directories they are in, and nothing behind the first that fails', () => {
      using place = open();
      const { fs, directory } = place;
      for (const name of ['a', 'b']) {
        fs.mkdir(`${directory}/${name}`, 0o700);
        for (const file of ['x', 'y', 'z']) fs.close(fs.create(`${directory}/${name}/${file}`, 0o600));
      }
      fs.close(fs.create(`${directory}/z`, 0o600));
      const below = (...paths: readonly string[]) => paths.map((path) => `${directory}/${path}`);
      fs.unlinkAll(below('a/x', 'z', 'a/y', 'b/x'));
      expect(fs.lstat(`${directory}/z`)).toBeUndefined();
      expect(fs.readdir(`${directory}/a`)).toEqual([{ name: 'z', type: 'file' }]);
      expect(errnoBy(() => fs.unlinkAll(below('b/y', 'b/x', 'b/z')))).toBe('ENOENT');
      expect(fs.readdir(`${directory}/b`)).toEqual([{ name: 'z', type: 'file' }]);
    });

    test.runIf(refusesLinks)('no stamp is taken through a link in the place of a directory', () => {
      using place = open();
      const { fs, directory } = place;
      fs.mkdir(`${directory}/a`, 0o700);
      fs.close(fs.create(`${directory}/a/x`, 0o600));
      fs.symlink('a', `${directory}/b`);
      expect(fs.stamps([`${directory}/a/x`, `${directory}/b/x`])).toEqual([expect.anything(), undefined]);
    });

    test('a link renamed over a link: the link moves, what both lead to stays', () => {
      using place = open();
      const { fs, directory } = place;
      for (const name of ['old', 'new']) {
        fs.mkdir(`${directory}/${name}`, 0o755);
        createFile(fs, `${directory}/${name}/file`, Buffer.from(name), {}, 0o644);
      }
      fs.symlink('old', `${directory}/..data`);
      fs.symlink('new', `${directory}/..data_tmp`);
      fs.rename(`${directory}/..data_tmp`, `${directory}/..data`);
      expect(fs.readlink(`${directory}/..data`)).toBe('new');
      expect(fs.lstat(`${directory}/..data_tmp`)).toBeUndefined();
      for (const name of ['old', 'new']) expect(fs.lstat(`${directory}/${name}/file`)?.type).toBe('file');
      if (!refusesLinks) expect(Buffer.from(fs.readFile(`${directory}/..data/file`)).toString()).toBe('new');
    });

    test.runIf(refusesLinks)(
      'no call goes through a link, whether in the middle of a path or to list a directory',
      () => {
        using place = open();
        const { fs, directory } = place;
        fs.mkdir(`${directory}/real`, 0o755);
        createFile(fs, `${directory}/real/file`, Buffer.from('x'), {}, 0o644);
        fs.symlink('real', `${directory}/link`);
        const path = `${directory}/link/file`;
        const actions = [
          () => fs.readFile(path),
          () => fs.readdir(`${directory}/link`),
          () => fs.readlink(path),
          () => fs.unlink(path),
          () => fs.unlinkAll([path]),
          () => fs.rmdir(path),
          () => fs.rename(path, `${directory}/x`),
          () => fs.rename(`${directory}/real/file`, `${directory}/link/x`),
          () => fs.chmod(`${directory}/link`, 0o700),
          () => fs.chown(path, { group: 1 }),
          () => fs.lstat(path),
          () => fs.create(`${directory}/link/x`, 0o600),
          () => fs.createOrEmpty(path, 0o600),
          () => fs.mkdir(`${directory}/link/x`, 0o755),
          () => fs.symlink('x', `${directory}/link/x`),
        ];
        expect(actions.map(errnoBy)).toEqual(actions.map(() => 'ELOOP'));
        expect(fs.readdir(`${directory}/real`)).toEqual([{ name: 'file', type: 'file' }]);
        expect(fs.lstat(`${directory}/real/file`)).toEqual({ type: 'file', mode: 0o644, size: 1, ...fs.owner });
      },
    );

    test('what is missing is ENOENT, or undefined where asked for by lstat', () => {
      using place = open();
      const { fs } = place;
      const path = `${place.directory}/missing`;
      expect(fs.lstat(path)).toBeUndefined();
      const actions = [
        () => fs.readFile(path),
        () => fs.readdir(path),
        () => fs.readlink(path),
        () => fs.unlink(path),
        () => fs.rmdir(path),
        () => fs.rename(path, `${path}2`),
        () => fs.chmod(path, 0o755),
        () => fs.create(`${path}/file`, 0o600),
        () => fs.mkdir(`${path}/directory`, 0o755),
        () => fs.symlink('x', `${path}/link`),
      ];
      expect(actions.map(errnoBy)).toEqual(actions.map(() => 'ENOENT'));
    });
  });
}

function errnoBy(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return errnoOf(error);
  }
  return undefined;
}

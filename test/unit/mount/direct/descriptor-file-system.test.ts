import { closeSync, constants, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { descriptorFileSystem } from '../../../../src/mount/direct/descriptor-file-system.ts';
import { type DirectoryCalls, directoryCalls } from '../../../../src/mount/linux/directory-calls.ts';
import { O_PATH } from '../../../../src/mount/linux/system-calls.ts';
import { KnownVolume, VolumeStamp } from '../../../../src/volume/known-volume.ts';
import { VolumeWriter } from '../../../../src/volume/volume-writer.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';
import { payloadOf } from '../../../support/volume/volume-content.ts';

/** A written volume below a descriptor. `names` has the calls by name. */
class NotedVolume implements Disposable {
  readonly #dir = new TempDir('/dev/shm');
  readonly #directory = openSync(this.#dir.path, O_PATH | constants.O_DIRECTORY);
  readonly names: string[] = [];
  readonly path = this.#dir.path;
  readonly fs = descriptorFileSystem(() => this.#directory, this.path, this.#noted());
  readonly writer = new VolumeWriter({ fs: this.fs, directory: this.path, clock: new ManualClock() });

  constructor(files: Readonly<Record<string, string>>) {
    this.writer.write(payloadOf(files));
  }

  count(call: string): number {
    return this.names.filter((name) => name === call).length;
  }

  #noted(): DirectoryCalls {
    return new Proxy(directoryCalls, {
      get: (inner, name) => {
        this.names.push(String(name));
        return Reflect.get(inner, name);
      },
    });
  }

  [Symbol.dispose](): void {
    this.writer[Symbol.dispose]();
    closeSync(this.#directory);
    this.#dir[Symbol.dispose]();
  }
}

test.each([
  ['of files that lie in one directory opens that once', { a: '', b: '', c: '' }, 1],
  ['opens each directory once, its files being together', { 'x/a': '', 'x/b': '', 'y/a': '', 'y/b': '' }, 3],
])('a look at a volume %s', (_, files, directories) => {
  using volume = new NotedVolume(files);
  const { paths } = new KnownVolume(volume.fs, volume.path);
  const stamp = new VolumeStamp(volume.fs, paths);
  volume.names.length = 0;
  expect(stamp.isUntouched()).toBe(true);
  expect(volume.count('stamp')).toBe(paths.length);
  expect(volume.count('open')).toBe(directories);
  expect(volume.count('close')).toBe(directories);
  expect(volume.names).toHaveLength(paths.length + 2 * directories);
});

test.each([
  ['one directory opens that once', { a: '', b: '', c: '' }, 1],
  // Twice more for the removal of the two.
  ['two directories opens each once', { 'x/a': '', 'x/b': '', 'y/a': '', 'y/b': '' }, 4],
])('the removal of files in %s, and closes it', (_, files, opened) => {
  using volume = new NotedVolume(files);
  volume.writer.write(payloadOf({ d: '' }));
  volume.names.length = 0;
  expect(volume.writer.retireNow()).toBe(true);
  expect(volume.count('unlink')).toBe(Object.keys(files).length);
  expect(volume.count('open')).toBe(opened);
  expect(volume.count('close')).toBe(opened);
});

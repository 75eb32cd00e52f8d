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

/** The calls, which also are noted by name. */
function noted(): { readonly calls: DirectoryCalls; readonly names: string[] } {
  const names: string[] = [];
  const calls = new Proxy(directoryCalls, {
    get(inner, name) {
      names.push(String(name));
      return Reflect.get(inner, name);
    },
  });
  return { calls, names };
}

test.each([
  ['of files that lie in one directory opens that once', { a: '', b: '', c: '' }, 1],
  ['opens each directory once, its files being together', { 'x/a': '', 'x/b': '', 'y/a': '', 'y/b': '' }, 3],
])('a look at a volume %s', (_, files, directories) => {
  using dir = new TempDir('/dev/shm');
  const directory = openSync(dir.path, O_PATH | constants.O_DIRECTORY);
  try {
    const { calls, names } = noted();
    const fs = descriptorFileSystem(() => directory, dir.path, calls);
    using writer = new VolumeWriter({ fs, directory: dir.path, clock: new ManualClock() });
    writer.write(payloadOf(files));
    const { paths } = new KnownVolume(fs, dir.path);
    const stamp = new VolumeStamp(fs, paths);
    names.length = 0;
    expect(stamp.isUntouched()).toBe(true);
    const count = (call: string) => names.filter((name) => name === call).length;
    expect(count('stamp')).toBe(paths.length);
    expect(count('open')).toBe(directories);
    expect(count('close')).toBe(directories);
    expect(names).toHaveLength(paths.length + 2 * directories);
  } finally {
    closeSync(directory);
  }
});

test.each([
  ['one directory opens that once', { a: '', b: '', c: '' }, 1],
  // Twice more for the removal of the two.
  ['two directories opens each once', { 'x/a': '', 'x/b': '', 'y/a': '', 'y/b': '' }, 4],
])('the removal of files in %s, and closes it', (_, files, opened) => {
  using dir = new TempDir('/dev/shm');
  const directory = openSync(dir.path, O_PATH | constants.O_DIRECTORY);
  try {
    const { calls, names } = noted();
    const fs = descriptorFileSystem(() => directory, dir.path, calls);
    using writer = new VolumeWriter({ fs, directory: dir.path, clock: new ManualClock() });
    writer.write(payloadOf(files));
    writer.write(payloadOf({ d: '' }));
    names.length = 0;
    expect(writer.retireNow()).toBe(true);
    const count = (call: string) => names.filter((name) => name === call).length;
    expect(count('unlink')).toBe(Object.keys(files).length);
    expect(count('open')).toBe(opened);
    expect(count('close')).toBe(opened);
  } finally {
    closeSync(directory);
  }
});

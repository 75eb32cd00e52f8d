import { describe, expect, test } from 'vitest';
import type { FileStamp, VolumeFs } from '../../../src/volume/file-system.ts';
import { VolumeStamp } from '../../../src/volume/known-volume.ts';
import { createMemoryFileSystem } from '../../../src/volume/memory-file-system.ts';

const CHANGED = 1_700_000_000_000;

/** A file system on which each path has this stamp, until the test changes it. */
function arrange(stamps: Record<string, FileStamp | undefined>): VolumeFs {
  return { ...createMemoryFileSystem(), stamps: (paths) => paths.map((path) => stamps[path]) };
}

const at = (time: number, inode = 1): FileStamp => {
  return { inode, seconds: Math.trunc(time / 1000), nanoseconds: (time % 1000) * 1_000_000 };
};

describe('a stamp', () => {
  test.each([
    ['is not trusted at the moment of the last change', 0, false],
    ['is not trusted within the same ticks of the clock', 19, false],
    ['is trusted when they are over', 21, true],
    ['is not trusted when the clock was put back', -60_000, false],
  ])('%s', (_, later, expected) => {
    const stamp = new VolumeStamp(arrange({ old: at(CHANGED - 60_000), new: at(CHANGED) }), ['old', 'new']);
    expect(stamp.isSettled(CHANGED + later)).toBe(expected);
  });

  test('of what is not there is not trusted', () => {
    expect(new VolumeStamp(arrange({ a: at(CHANGED) }), ['a', 'gone']).isSettled(CHANGED + 1_000)).toBe(false);
  });

  test.each<[string, FileStamp | undefined]>([
    ['another inode', at(CHANGED, 2)],
    ['a nanosecond later', { ...at(CHANGED), nanoseconds: at(CHANGED).nanoseconds + 1 }],
    ['a second later', at(CHANGED + 1_000)],
    ['nothing', undefined],
  ])('tells %s from what was there', (_, now) => {
    const stamps: Record<string, FileStamp | undefined> = { a: at(CHANGED), b: at(CHANGED) };
    const stamp = new VolumeStamp(arrange(stamps), ['a', 'b']);
    expect(stamp.isUntouched()).toBe(true);
    stamps.b = now;
    expect(stamp.isUntouched()).toBe(false);
  });
});

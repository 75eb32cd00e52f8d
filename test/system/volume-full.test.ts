import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { createFile, nodeFileSystem, replaceFile } from '../../src/volume/file-system.ts';
import { PoolRoom } from '../../src/volume/pool-room.ts';
import { VolumeWriter } from '../../src/volume/volume-writer.ts';
import { mayMount } from '../support/host/privileges.ts';
import { ManualClock } from '../support/suite/clocks.ts';
import { lanternErrorOf } from '../support/suite/expectations.ts';
import { TempDir } from '../support/suite/temp-dir.ts';
import { payloadOf, viewOf, viewThroughData } from '../support/volume/volume-content.ts';

const KIB = 1024;

/** A tmpfs of 256 KiB and 100 inodes. */
class SmallPool implements Disposable {
  readonly #directory = new TempDir();
  readonly path = this.#directory.path;

  constructor() {
    const options = `size=${256 * KIB},nr_inodes=100,mode=0755`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'lantern-test', this.path]);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', [this.path]);
    this.#directory[Symbol.dispose]();
  }
}

const filled = (letter: string, kib: number) => payloadOf({ a: letter.repeat(kib * KIB), 'b/c': letter });
const many = (count: number) => payloadOf(Object.fromEntries(Array.from({ length: count }, (_, i) => [`d/f${i}`, ''])));

describe.skipIf(!mayMount)('invariant 7: a pool that is full (needs the right to mount)', () => {
  test.each([
    ['of bytes', filled('x', 100), filled('y', 180), filled('z', 150)],
    ['of inodes', many(40), many(80), many(60)],
  ])(
    '%s: the old contents stay whole, nothing else stays, and once there is room it works',
    (_of, first, tooMuch, next) => {
      using pool = new SmallPool();
      using writer = new VolumeWriter({ fs: nodeFileSystem, directory: pool.path, clock: new ManualClock() });
      writer.write(first);
      const before = nodeFileSystem.readdir(pool.path).length;
      const error = lanternErrorOf(() => writer.write(tooMuch));
      expect(error).toMatchObject({ code: 'resource-exhausted', reason: 'POOL_FULL' });
      expect(error.message).not.toMatch(/yy/);
      expect(viewThroughData(nodeFileSystem, pool.path)).toEqual(viewOf(first, nodeFileSystem.owner));
      expect(nodeFileSystem.readdir(pool.path)).toHaveLength(before);

      // What is kept for slow readers is in the way, until the pool needs its room.
      writer.write(payloadOf({ a: 'small' }));
      expect(lanternErrorOf(() => writer.write(tooMuch)).code).toBe('resource-exhausted');
      expect(writer.retireNow()).toBe(true);
      expect(writer.write(next).changed).toBe(true);
      expect(viewThroughData(nodeFileSystem, pool.path)).toEqual(viewOf(next, nodeFileSystem.owner));
    },
  );

  test('what the budget lets through fits, what it refuses leaves room for records', () => {
    using pool = new SmallPool();
    nodeFileSystem.mkdir(`${pool.path}/data`, 0o755);
    using writer = new VolumeWriter({ fs: nodeFileSystem, directory: `${pool.path}/data`, clock: new ManualClock() });
    const room = new PoolRoom();
    let written = 0;
    const refused = lanternErrorOf(() => {
      for (; ; written++) {
        const payload = payloadOf({ a: String(written), 'b/c': 'x'.repeat(20 * KIB) });
        // At one moment, so that what was written is counted from the first look.
        room.take(payload, pool.path, 0);
        writer.write(payload);
      }
    });
    expect(refused).toMatchObject({
      code: 'resource-exhausted',
      message: expect.stringContaining('reserve for records'),
    });
    expect(written).toBeGreaterThan(3);
    replaceFile(nodeFileSystem, `${pool.path}/record`, Buffer.alloc(20 * KIB));
  });

  test('a file that does not fit is an error, not a short file', () => {
    using pool = new SmallPool();
    const path = `${pool.path}/file`;
    expect(() => createFile(nodeFileSystem, path, Buffer.alloc(300 * KIB), {}, 0o644)).toThrow('ENOSPC');
  });
});

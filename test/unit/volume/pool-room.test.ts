import { expect, test } from 'vitest';
import type { Payload } from '../../../src/payload/payload.ts';
import { type FileSystemUsage, readUsage } from '../../../src/volume/file-system.ts';
import { PoolRoom } from '../../../src/volume/pool-room.ts';
import { lanternErrorOf } from '../../support/suite/expectations.ts';
import { payloadOf } from '../../support/volume/volume-content.ts';

const MIB = 1024 * 1024;
const EMPTY: FileSystemUsage = { usedBytes: 0, totalBytes: MIB, usedInodes: 0, totalInodes: 800, blockBytes: 4096 };
/** Of a mebibyte, an eighth is kept for records. */
const ROOM = MIB - MIB / 8;

const budget = (usage: Partial<FileSystemUsage> = {}) => ({
  requireRoom: (payload: Payload) => new PoolRoom(() => ({ ...EMPTY, ...usage })).take(payload, '/pool', 0),
});
const files = (count: number, bytes = 1) =>
  payloadOf(Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 'x'.repeat(bytes)])));

test('files count in whole blocks, and what just fits is let through', () => {
  const three = files(3);
  budget({ usedBytes: ROOM - 3 * 4096 }).requireRoom(three);
  expect(lanternErrorOf(() => budget({ usedBytes: ROOM - 3 * 4096 + 1 }).requireRoom(three))).toMatchObject({
    code: 'resource-exhausted',
    reason: 'POOL_FULL',
    message: expect.stringMatching(/needs 12288 bytes.*only 12287 are left/),
  });
});

test('files, directories, visible links, the generation and ..data count as inodes', () => {
  // a/b/c, d: two directories, two files, two links, and two of the writer's own.
  const payload = payloadOf({ 'a/b/c': 'x', d: 'x' });
  budget({ usedInodes: 700 - 8 }).requireRoom(payload);
  const error = lanternErrorOf(() => budget({ usedInodes: 700 - 7 }).requireRoom(payload));
  expect(error.message).toMatch(/needs 8 files and directories.*only 7 are left/);
});

test('empty files and an empty payload need no bytes, but inodes', () => {
  budget({ usedBytes: MIB }).requireRoom(files(5, 0));
  budget({ usedBytes: MIB }).requireRoom(payloadOf({}));
  expect(lanternErrorOf(() => budget({ usedInodes: 800 }).requireRoom(payloadOf({}))).code).toBe('resource-exhausted');
});

test('a large pool keeps no more than a mebibyte', () => {
  const totalBytes = 64 * MIB;
  budget({ totalBytes, usedBytes: 62 * MIB, totalInodes: 100_000 }).requireRoom(files(1, MIB));
});

test('a file system without limits, which says 0, has room', () => {
  budget({ totalBytes: 0, totalInodes: 0 }).requireRoom(files(3000));
});

test('usage is read from the file system', () => {
  const usage = readUsage('/dev/shm');
  expect(usage.blockBytes).toBeGreaterThanOrEqual(4096);
  expect(usage.usedBytes).toBeLessThanOrEqual(usage.totalBytes);
});

test('one look serves the writes of a moment, which it counts, and a refusal comes from a new one', () => {
  let looks = 0;
  let usedBytes = ROOM - 4 * 4096;
  const room = new PoolRoom(() => {
    looks++;
    return { ...EMPTY, usedBytes };
  });
  const two = files(2);
  room.take(two, '/a', 0);
  room.take(two, '/b', 1);
  expect(looks).toBe(1);
  // The look counted four of four blocks. A new one finds that the writes of others have come to nothing.
  room.take(two, '/c', 1);
  expect(looks).toBe(2);
  usedBytes = ROOM - 4096;
  room.take(files(0), '/d', 1);
  expect(looks).toBe(2);
  expect(lanternErrorOf(() => room.take(two, '/e', 60)).code).toBe('resource-exhausted');
  expect(looks).toBe(3);
});

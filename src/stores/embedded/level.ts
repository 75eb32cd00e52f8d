import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import type { DataPaths } from './data-directory.ts';

export type Level = ClassicLevel<string, Uint8Array>;

export const WAY_BACK = 'stop here and restore a backup with "lantern restore FILE", as docs/store.md describes';

/** `failed-precondition` if LevelDB's lock is taken; `data-loss` if the database is damaged or may not be created. */
export async function openLevel(directory: string, mayCreate: boolean, what: string): Promise<Level> {
  await requireUnlocked(directory, what);
  const damaged = await setAsideDamaged(directory);
  const level: Level = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    // Sealed values do not compress.
    await level.open({ createIfMissing: mayCreate, compression: false });
    for (const path of damaged) await rm(asideName(path));
    return level;
  } catch (error) {
    for (const path of damaged) await rename(asideName(path), path);
    throw levelError(error, what);
  }
}

/** Keeps damaged tables from LevelDB, which reports damage if it needs one; others are a killed process's leftovers. */
async function setAsideDamaged(directory: string): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    if (!/\.(?:ldb|sst)$/.test(name) || (await isWholeTable(path))) continue;
    await rename(path, asideName(path));
    damaged.push(path);
  }
  return damaged;
}

function asideName(path: string): string {
  return `${path}.damaged`;
}

/** Refuses before touching any file; LevelDB's own lock decides between two simultaneous starts. */
async function requireUnlocked(directory: string, what: string): Promise<void> {
  try {
    const { ino } = await stat(join(directory, 'LOCK'));
    const locks = await readFile('/proc/locks', 'utf8');
    if (new RegExp(`POSIX .* WRITE .*:${ino} `).test(locks)) throw lockedError(what);
  } catch (error) {
    if (error instanceof LanternError) throw error;
    // Without a lock file or this list, LevelDB itself decides.
  }
}

function lockedError(what: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `${what}: another process has it open; stop that daemon, or name another --data-dir`,
  );
}

/** Translates any error of LevelDB. Its text goes only into the cause. */
export function levelError(error: unknown, what: string): LanternError {
  if (error instanceof LanternError || errnoOf(error) !== undefined) return toLanternError(error, what);
  const texts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    texts.push('code' in at ? String(at.code) : '', at.message);
  }
  const text = texts.join(' ');
  const refuse = (code: LanternError['code'], why: string) =>
    new LanternError(code, `${what}: ${why}`, { cause: error });
  if (text.includes('LEVEL_LOCKED')) return lockedError(what);
  if (/No space left|quota/i.test(text)) return refuse('resource-exhausted', 'no space is left on its disk; make room');
  if (/Permission denied|not permitted/i.test(text)) return refuse('permission-denied', 'the permission is missing');
  if (/Read-only file system/i.test(text)) return refuse('failed-precondition', 'its file system is read-only');
  if (/Input\/output error/i.test(text)) return refuse('unavailable', 'its disk fails (EIO)');
  if (/Too many open files/i.test(text)) return refuse('resource-exhausted', 'too many files are open');
  return refuse('data-loss', `the database is damaged; ${WAY_BACK}`);
}

/** True if there was never a store: no head, and no file that LevelDB reads data from. */
export async function isUnused({ database, head, directory }: DataPaths): Promise<boolean> {
  const names = await namesIn(database);
  if (names.some((name) => name === 'CURRENT' || /\.(?:ldb|sst|log)$/.test(name))) return false;
  return !(await namesIn(directory)).includes(head.slice(directory.length + 1));
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw toLanternError(error, `look into "${directory}"`);
  }
}

/** LevelDB's table format: blocks, then a footer that locates the two blocks of block positions. */
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** One byte for the compression, and a checksum over block and byte. */
const TRAILER_BYTES = 5;
const UNCOMPRESSED = 0;

/** LevelDB itself does not check before it reads, and a malformed block ends the process by an assertion. */
async function isWholeTable(path: string): Promise<boolean> {
  const table = await readFile(path);
  try {
    const footer = table.length - FOOTER_BYTES;
    if (table.readBigUInt64LE(table.length - 8) !== MAGIC) return false;
    const positions = new Cursor(table, footer);
    const directories = [positions.handle(), positions.handle()].map((handle) => blockAt(table, handle));
    for (const directory of directories) {
      for (const handle of handlesIn(directory)) blockAt(table, handle);
    }
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

type Handle = { readonly offset: number; readonly size: number };

/** The block's contents. RangeError if it is missing or damaged. */
function blockAt(table: Buffer, { offset, size }: Handle): Buffer {
  const end = offset + size;
  if (end + TRAILER_BYTES > table.length - FOOTER_BYTES) throw new RangeError('a block is cut off');
  const isUncompressed = table[end] === UNCOMPRESSED;
  const checksum = masked(crc32c(table.subarray(offset, end + 1)));
  if (!isUncompressed || table.readUInt32LE(end + 1) !== checksum) throw new RangeError('a block is damaged');
  return table.subarray(offset, end);
}

/** The positions in a block of positions: entries of key and value, then some entries' offsets. */
function* handlesIn(block: Buffer): Generator<Handle> {
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 - 4 * restarts;
  const cursor = new Cursor(block, 0);
  while (cursor.at < end) {
    cursor.varint();
    const keyBytes = cursor.varint();
    const next = cursor.varint() + keyBytes;
    const start = cursor.at;
    cursor.at = start + keyBytes;
    yield cursor.handle();
    cursor.at = start + next;
  }
}

class Cursor {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes.readUInt8(this.at);
      this.at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      if (factor > 2 ** 42) throw new RangeError('a number is too long');
    }
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() };
  }
}

/** CRC-32C (Castagnoli), a byte at a time. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** LevelDB masks stored checksums, because a checksum over bytes that contain checksums is weak. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

import { readFile } from 'node:fs/promises';

/** LevelDB's table format: blocks, then a footer that says where the two blocks of block positions are. */
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** A byte that tells the compression, and a checksum over block and byte. */
const TRAILER_BYTES = 5;
const UNCOMPRESSED = 0;

/**
 * Whether every block of a LevelDB table has the checksum it was written with. LevelDB itself does not look before it
 * reads, and ends the process by an assertion on a block that makes no sense.
 */
export async function isWholeTable(path: string): Promise<boolean> {
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

/** The block's contents. RangeError unless it is there and as it was written. */
function blockAt(table: Buffer, { offset, size }: Handle): Buffer {
  const end = offset + size;
  if (end + TRAILER_BYTES > table.length - FOOTER_BYTES) throw new RangeError('a block is cut off');
  const isUncompressed = table[end] === UNCOMPRESSED;
  const checksum = masked(crc32c(table.subarray(offset, end + 1)));
  if (!isUncompressed || table.readUInt32LE(end + 1) !== checksum) throw new RangeError('a block is damaged');
  return table.subarray(offset, end);
}

/** The positions that a block of positions holds: entries of key and value, then the offsets of some of them. */
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

/** Reads LevelDB's numbers of variable length one after the other. */
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

/** LevelDB stores checksums changed, since a checksum over bytes that hold checksums says little. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

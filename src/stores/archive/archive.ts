import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { LanternError } from '../../base/errors.ts';
import { describeRef, refOf, type StoredObject } from '../../objects/object.ts';
import { decodeObject, encodeObject } from '../kept/object-codec.ts';
import type { KeyRing, StoreKey } from '../sealed/key-file.ts';

/** Before each object, its length as a big-endian number. */
const LENGTH_BYTES = 4;

/** Far more than an object of 1 MiB of values takes, whatever they are: what is longer was never one. */
const MAX_OBJECT_BYTES = 64 * 1024 * 1024;

/**
 * Writes objects into a file that is open and empty, sealed, one frame in memory. It is an archive once `finish` has
 * resolved; syncing it is the caller's.
 */
export class ArchiveWriter {
  readonly #file: FileHandle;
  readonly #cipher: ArchiveCipher;
  readonly #frame = Buffer.alloc(FRAME_BYTES);
  #filled = 0;
  #frames = 0;

  private constructor(file: FileHandle, cipher: ArchiveCipher) {
    this.#file = file;
    this.#cipher = cipher;
  }

  static async begin(file: FileHandle, key: StoreKey): Promise<ArchiveWriter> {
    const cipher = ArchiveCipher.seal(key);
    await file.writeFile(cipher.header);
    return new ArchiveWriter(file, cipher);
  }

  /** `resource-exhausted` for an object that a reader would refuse for its length. */
  async append(object: StoredObject): Promise<void> {
    const bytes = encodeObject(object);
    if (bytes.length > MAX_OBJECT_BYTES) {
      const problem = `it takes ${bytes.length} bytes, more than the ${MAX_OBJECT_BYTES} of an archive's object`;
      throw new LanternError('resource-exhausted', `export ${describeRef(refOf(object))}: ${problem}; make it smaller`);
    }
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(bytes.length);
    await this.#take(length);
    await this.#take(bytes);
  }

  async finish(): Promise<void> {
    await this.#seal(true);
  }

  async #take(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0; ) {
      // Not sooner: a full frame may turn out to be the last.
      if (this.#filled === FRAME_BYTES) await this.#seal(false);
      const part = rest.subarray(0, FRAME_BYTES - this.#filled);
      this.#frame.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
    }
  }

  async #seal(isLast: boolean): Promise<void> {
    await this.#file.writeFile(this.#cipher.seal(this.#frame.subarray(0, this.#filled), this.#frames, isLast));
    this.#filled = 0;
    this.#frames++;
  }
}

/**
 * The objects of an archive, from a file that stays open. They can be read any number of times: every time each frame is
 * authenticated as a part of the same archive, so what was read once cannot come out as something else.
 */
export class Archive {
  readonly #file: FileHandle;
  readonly #cipher: ArchiveCipher;
  readonly #what: string;

  private constructor(file: FileHandle, cipher: ArchiveCipher, what: string) {
    this.#file = file;
    this.#cipher = cipher;
    this.#what = what;
  }

  /** `what` begins the errors' messages. Errors as `ArchiveCipher.open`. */
  static async open(file: FileHandle, keys: KeyRing, what: string): Promise<Archive> {
    const header = await readAt(file, 0, HEADER_BYTES);
    return new Archive(file, ArchiveCipher.open(keys, header, what), what);
  }

  /** In the order they were written. `data-loss` as soon as something is not as it was: what came before it counts for nothing. */
  async *objects(): AsyncGenerator<StoredObject, void> {
    const bytes = new FramedBytes(this.#frames());
    for (;;) {
      const length = await bytes.take(LENGTH_BYTES);
      if (length.length === 0) return;
      const size = length.length === LENGTH_BYTES ? length.readUInt32BE() : Number.POSITIVE_INFINITY;
      if (size > MAX_OBJECT_BYTES) throw this.#damaged();
      const encoded = await bytes.take(size);
      if (encoded.length < size) throw this.#damaged();
      yield this.#decode(encoded);
    }
  }

  async *#frames(): AsyncGenerator<Buffer, void> {
    for (let number = 0, position = HEADER_BYTES, isLast = false; !isLast; number++) {
      const sealed = await readAt(this.#file, position, SEALED_FRAME_BYTES);
      position += sealed.length;
      isLast = (await readAt(this.#file, position, 1)).length === 0;
      const frame = this.#cipher.open(sealed, number, isLast);
      if (frame === undefined) throw this.#damaged();
      yield frame;
    }
  }

  #decode(encoded: Buffer): StoredObject {
    try {
      return decodeObject(encoded);
    } catch {
      // Its error quotes what it read.
      throw this.#damaged();
    }
  }

  #damaged(): LanternError {
    const problem = 'it is damaged, incomplete or not as it was written';
    return new LanternError('data-loss', `${this.#what}: ${problem}; use another copy, or export again`);
  }
}

/** The bytes of frames one after the other, in portions of any size. */
class FramedBytes {
  readonly #frames: AsyncGenerator<Buffer, void>;
  #rest: Buffer = Buffer.of();

  constructor(frames: AsyncGenerator<Buffer, void>) {
    this.#frames = frames;
  }

  /** Fewer only at the end. */
  async take(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let missing = count; missing > 0; ) {
      if (this.#rest.length === 0) {
        const next = await this.#frames.next();
        if (next.done) break;
        this.#rest = next.value;
        continue;
      }
      const part = this.#rest.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return Buffer.concat(parts);
  }
}

/** Fewer bytes only at the end of the file. */
async function readAt(file: FileHandle, position: number, count: number): Promise<Buffer> {
  const bytes = Buffer.alloc(count);
  let filled = 0;
  while (filled < count) {
    const { bytesRead } = await file.read(bytes, filled, count - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

const CIPHER = 'aes-256-gcm';
const NAME = 'lantern archive ';
const FORMAT = '1\n';
const HEADING = Buffer.from(NAME + FORMAT);
const ID_BYTES = 8;
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a frame holds in the clear; only the last one may hold less. */
export const FRAME_BYTES = 64 * 1024;
export const SEALED_FRAME_BYTES = FRAME_BYTES + TAG_BYTES;
/** Format, key id, salt. */
export const HEADER_BYTES = HEADING.length + ID_BYTES + SALT_BYTES;

/**
 * Seals and opens the frames of one archive with AES-256-GCM, under a key that only this archive has. The nonce of a
 * frame is its number and whether it is the last, and the header is authenticated with each: frames that are changed,
 * left out, repeated, moved, cut off or taken from another archive do not open.
 */
export class ArchiveCipher {
  readonly header: Uint8Array;
  readonly #key: Uint8Array;

  private constructor(key: StoreKey, header: Buffer) {
    this.header = header;
    const salt = header.subarray(HEADING.length + ID_BYTES);
    this.#key = new Uint8Array(hkdfSync('sha256', key.archiving, salt, 'lantern archive v1: frames', 32));
  }

  /** For a new archive. */
  static seal(key: StoreKey): ArchiveCipher {
    return new ArchiveCipher(key, Buffer.concat([HEADING, Buffer.from(key.id, 'hex'), randomBytes(SALT_BYTES)]));
  }

  /**
   * For the archive that begins with `header`; `what` begins the error's message. `invalid-argument` when it is no
   * archive, or one of another format; `failed-precondition` when none of the keys sealed it.
   */
  static open(keys: KeyRing, header: Buffer, what: string): ArchiveCipher {
    if (header.length < HEADER_BYTES || !header.subarray(0, HEADING.length).equals(HEADING)) {
      const isOther = header.toString('latin1', 0, NAME.length) === NAME && header.length >= HEADER_BYTES;
      const problem = isOther
        ? 'it is of a format that this version does not know, or damaged; use the version that wrote it, or newer'
        : 'it is not an archive of lantern export; manifests are stored by "lantern apply -f"';
      throw new LanternError('invalid-argument', `${what}: ${problem}`);
    }
    const id = header.toString('hex', HEADING.length, HEADING.length + ID_BYTES);
    const key = keys.byId.get(id);
    if (key === undefined) {
      const problem = `it is sealed with the key ${id}, which is in none of the key files`;
      throw new LanternError('failed-precondition', `${what}: ${problem}; name the one of the export with --key-file`);
    }
    return new ArchiveCipher(key, header);
  }

  seal(frame: Uint8Array, number: number, isLast: boolean): Buffer {
    const cipher = createCipheriv(CIPHER, this.#key, nonceOf(number, isLast), { authTagLength: TAG_BYTES });
    cipher.setAAD(this.header);
    return Buffer.concat([cipher.update(frame), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined when this is not what was sealed under that number. */
  open(sealed: Buffer, number: number, isLast: boolean): Buffer | undefined {
    if (sealed.length < TAG_BYTES) return undefined;
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.#key, nonceOf(number, isLast), { authTagLength: TAG_BYTES });
    decipher.setAAD(this.header);
    decipher.setAuthTag(sealed.subarray(end));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeBigUInt64BE(BigInt(number), 0);
  nonce.writeUInt8(isLast ? 1 : 0, NONCE_BYTES - 1);
  return nonce;
}

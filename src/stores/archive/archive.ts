import { hkdfSync, randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { LanternError } from '../../base/errors.ts';
import { describeRef, refOf, type StoredObject } from '../../objects/object.ts';
import { decodeObject, encodeObject } from '../kept/object-codec.ts';
import { decrypt, encrypt, NONCE_BYTES, TAG_BYTES } from '../sealed/aes-gcm.ts';
import { KEY_ID_BYTES, keyById } from '../sealed/envelope.ts';
import type { KeyRing, StoreKey } from '../sealed/key-file.ts';

// The format of `lantern export` and `lantern backup`: a header (name and version, key id, salt), then sealed frames,
// whose contents are one stream: for each object its length, as a big-endian number, and its bytes.

const NAME = 'lantern archive ';
const HEADING = Buffer.from(`${NAME}1\n`);
const SALT_BYTES = 32;
export const HEADER_BYTES = HEADING.length + KEY_ID_BYTES + SALT_BYTES;

/** Clear bytes of a frame; only the last one may have fewer. */
export const FRAME_BYTES = 64 * 1024;
export const SEALED_FRAME_BYTES = FRAME_BYTES + TAG_BYTES;

const LENGTH_BYTES = 4;
/** An object of 1 MiB of values takes far less, so `ArchiveWriter` did not write a greater length. */
const MAX_OBJECT_BYTES = 64 * 1024 * 1024;

/** Writes sealed objects into an open, empty file; holds one frame in memory. The caller syncs after `finish`. */
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

  /** `resource-exhausted` if the object is too long for `Archive` to read. */
  async append(object: StoredObject): Promise<void> {
    const bytes = encodeObject(object);
    if (bytes.length > MAX_OBJECT_BYTES) {
      const problem = `it takes ${bytes.length} bytes, and an archive holds ${MAX_OBJECT_BYTES} for an object`;
      throw new LanternError(
        'resource-exhausted',
        `archive ${describeRef(refOf(object))}: ${problem}; make it smaller`,
      );
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
      // Sealing is delayed, because a full frame may be the last one.
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

/** An archive's objects. Each read authenticates the frames of one archive, so repeated reads are equal or fail. */
export class Archive {
  readonly #file: FileHandle;
  readonly #cipher: ArchiveCipher;
  readonly #what: string;

  private constructor(file: FileHandle, cipher: ArchiveCipher, what: string) {
    this.#file = file;
    this.#cipher = cipher;
    this.#what = what;
  }

  /** `what` begins error messages. Errors as `ArchiveCipher.open`. */
  static async open(file: FileHandle, keys: KeyRing, what: string): Promise<Archive> {
    const header = await readAt(file, 0, HEADER_BYTES);
    return new Archive(file, ArchiveCipher.open(keys, header, what), what);
  }

  /** In the order of writing. `data-loss` at the first damaged frame; the objects before it must then be discarded. */
  async *objects(): AsyncGenerator<StoredObject, void> {
    const bytes = new FramedBytes(this.#frames());
    for (;;) {
      const length = await bytes.take(LENGTH_BYTES);
      if (length.length === 0) return;
      const size = length.length === LENGTH_BYTES ? length.readUInt32BE() : Number.POSITIVE_INFINITY;
      if (size > MAX_OBJECT_BYTES) throw this.#damaged();
      const encoded = await bytes.take(size);
      if (encoded.length < size) throw this.#damaged();
      yield decodeObject(encoded, this.#what);
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

  #damaged(): LanternError {
    return new LanternError('data-loss', `${this.#what}: it is damaged or incomplete; use another copy`);
  }
}

class FramedBytes {
  readonly #frames: AsyncGenerator<Buffer, void>;
  #rest: Buffer = Buffer.of();

  constructor(frames: AsyncGenerator<Buffer, void>) {
    this.#frames = frames;
  }

  /** Returns fewer bytes only at the end. */
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

/** Returns fewer bytes only at the end of the file. */
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

/**
 * Seals and opens an archive's frames with AES-256-GCM, under a key of its own. A frame's nonce is its number and
 * whether it is the last, and every frame authenticates the header. Frames that are changed, omitted, repeated, moved,
 * truncated or from another archive do not open.
 */
export class ArchiveCipher {
  readonly header: Uint8Array;
  readonly #key: Uint8Array;

  private constructor(key: StoreKey, header: Buffer) {
    this.header = header;
    const salt = header.subarray(HEADING.length + KEY_ID_BYTES);
    this.#key = new Uint8Array(hkdfSync('sha256', key.archiving, salt, 'lantern archive v1: frames', 32));
  }

  static seal(key: StoreKey): ArchiveCipher {
    return new ArchiveCipher(key, Buffer.concat([HEADING, Buffer.from(key.id, 'hex'), randomBytes(SALT_BYTES)]));
  }

  /** `invalid-argument` if `header` is not a known archive's; `failed-precondition` if none of the keys sealed it. */
  static open(keys: KeyRing, header: Buffer, what: string): ArchiveCipher {
    if (header.length < HEADER_BYTES || !header.subarray(0, HEADING.length).equals(HEADING)) {
      const isOther = header.toString('latin1', 0, NAME.length) === NAME && header.length >= HEADER_BYTES;
      const problem = isOther
        ? 'it is damaged, or of a format that this version does not know; use the version that wrote it, or a newer one'
        : 'it is not an archive of lantern export or backup; manifests are stored by "lantern apply -f"';
      throw new LanternError('invalid-argument', `${what}: ${problem}`);
    }
    const id = header.toString('hex', HEADING.length, HEADING.length + KEY_ID_BYTES);
    return new ArchiveCipher(keyById(keys, id, what), header);
  }

  seal(frame: Uint8Array, number: number, isLast: boolean): Buffer {
    const { ciphertext, tag } = encrypt(frame, this.#parameters(number, isLast));
    return Buffer.concat([ciphertext, tag]);
  }

  /** Undefined unless `sealed` was sealed with that number. */
  open(sealed: Buffer, number: number, isLast: boolean): Buffer | undefined {
    if (sealed.length < TAG_BYTES) return undefined;
    const end = sealed.length - TAG_BYTES;
    const parts = { ciphertext: sealed.subarray(0, end), tag: sealed.subarray(end) };
    return decrypt(parts, this.#parameters(number, isLast));
  }

  #parameters(number: number, isLast: boolean) {
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeBigUInt64BE(BigInt(number), 0);
    nonce.writeUInt8(isLast ? 1 : 0, NONCE_BYTES - 1);
    return { key: this.#key, nonce, context: this.header };
  }
}

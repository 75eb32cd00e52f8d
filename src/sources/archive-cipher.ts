import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { LanternError } from '../base/errors.ts';
import type { KeyRing, StoreKey } from './key-file.ts';

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

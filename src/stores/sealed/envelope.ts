import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { LanternError } from '../../base/errors.ts';
import type { KeyRing, StoreKey } from './key-file.ts';

const CIPHER = 'aes-256-gcm';
const FORMAT = 1;
const ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + ID_BYTES + NONCE_BYTES + TAG_BYTES;

/** What was sealed, and by which key. */
type Opened = { readonly bytes: Buffer; readonly key: StoreKey };

/**
 * Encrypts with AES-256-GCM, bound to `context` (what it is and where it belongs), which has to be said again to open
 * it. Layout: format, key id, nonce, tag, ciphertext.
 */
export function seal(key: StoreKey, bytes: Uint8Array, context: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.sealing, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([Uint8Array.of(FORMAT), Buffer.from(key.id, 'hex'), nonce, cipher.getAuthTag(), sealed]);
}

/**
 * The inverse of `seal`. `what` begins the error's message: `data-loss` when the bytes are not what was sealed under
 * this context, `failed-precondition` when none of the keys sealed it.
 */
export function unseal(keys: KeyRing, sealed: Uint8Array, context: string, what: string): Opened {
  const envelope = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (envelope.length < HEADER_BYTES || envelope[0] !== FORMAT) throw damaged(what);
  const id = envelope.toString('hex', 1, 1 + ID_BYTES);
  const key = keys.byId.get(id);
  if (key === undefined) {
    throw new LanternError(
      'failed-precondition',
      `${what}: it is sealed with the key ${id}, which is in none of the key files; add that one with --key-file`,
    );
  }
  const nonceEnd = 1 + ID_BYTES + NONCE_BYTES;
  const decipher = createDecipheriv(CIPHER, key.sealing, envelope.subarray(1 + ID_BYTES, nonceEnd), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(envelope.subarray(nonceEnd, HEADER_BYTES));
  try {
    return { bytes: Buffer.concat([decipher.update(envelope.subarray(HEADER_BYTES)), decipher.final()]), key };
  } catch {
    throw damaged(what);
  }
}

function damaged(what: string): LanternError {
  return new LanternError('data-loss', `${what}: it is damaged, or was put in another one's place`);
}

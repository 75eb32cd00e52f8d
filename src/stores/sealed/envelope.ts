import { randomBytes } from 'node:crypto';
import { LanternError } from '../../base/errors.ts';
import { decrypt, encrypt, NONCE_BYTES, TAG_BYTES } from './aes-gcm.ts';
import type { KeyRing, StoreKey } from './key-file.ts';

/** Layout: format, key id, nonce, tag, ciphertext. */
const FORMAT = 1;
export const KEY_ID_BYTES = 8;
const NONCE_START = 1 + KEY_ID_BYTES;
const TAG_START = NONCE_START + NONCE_BYTES;
const HEADER_BYTES = TAG_START + TAG_BYTES;

/** `key` is the one that sealed the bytes. */
type Opened = { readonly bytes: Buffer; readonly key: StoreKey };

/** Encrypts a value bound to `context`, its type and place. `unseal` needs the same context. */
export function seal(key: StoreKey, bytes: Uint8Array, context: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const { ciphertext, tag } = encrypt(bytes, { key: key.sealing, nonce, context: Buffer.from(context) });
  return Buffer.concat([Uint8Array.of(FORMAT), Buffer.from(key.id, 'hex'), nonce, tag, ciphertext]);
}

/** `data-loss` if the bytes were not sealed under this context; `failed-precondition` without the key. */
export function unseal(keys: KeyRing, sealed: Uint8Array, context: string, what: string): Opened {
  const envelope = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (envelope.length < HEADER_BYTES || envelope[0] !== FORMAT) throw damaged(what);
  const key = keyById(keys, envelope.toString('hex', 1, NONCE_START), what);
  const bytes = decrypt(
    { ciphertext: envelope.subarray(HEADER_BYTES), tag: envelope.subarray(TAG_START, HEADER_BYTES) },
    { key: key.sealing, nonce: envelope.subarray(NONCE_START, TAG_START), context: Buffer.from(context) },
  );
  if (bytes === undefined) throw damaged(what);
  return { bytes, key };
}

/** `failed-precondition` if the ring lacks the key. */
export function keyById(keys: KeyRing, id: string, what: string): StoreKey {
  const key = keys.byId.get(id);
  if (key !== undefined) return key;
  throw new LanternError(
    'failed-precondition',
    `${what}: it is sealed with the key ${id}, which is in none of the key files; add that one with --key-file`,
  );
}

function damaged(what: string): LanternError {
  return new LanternError('data-loss', `${what}: it is damaged, or was written for another place`);
}

import { createCipheriv, createDecipheriv } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** `key` has 32 bytes, `nonce` is unique per key, `context` is authenticated but not stored. */
type Parameters = { readonly key: Uint8Array; readonly nonce: Uint8Array; readonly context: Uint8Array };
type Encrypted = { readonly ciphertext: Buffer; readonly tag: Buffer };

export function encrypt(bytes: Uint8Array, { key, nonce, context }: Parameters): Encrypted {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(context);
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** The inverse of `encrypt`; undefined if a parameter or any bit of the input differs. */
export function decrypt({ ciphertext, tag }: Encrypted, { key, nonce, context }: Parameters): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(context);
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    return undefined;
  }
}

import { createCipheriv, createDecipheriv } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** A key of 32 bytes, a nonce that is used once with that key, and bytes that are authenticated but not stored. */
type Parameters = { readonly key: Uint8Array; readonly nonce: Uint8Array; readonly context: Uint8Array };
type Encrypted = { readonly ciphertext: Buffer; readonly tag: Buffer };

export function encrypt(bytes: Uint8Array, { key, nonce, context }: Parameters): Encrypted {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(context);
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** The inverse of `encrypt`; undefined if any of its parameters, or a bit of the result, is another. */
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

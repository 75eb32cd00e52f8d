import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/**
 * What stands against a certificate and a private key, both PEM, as a pair; undefined when they fit. The first of
 * several certificates counts, as in a chain. No byte of either is in the answer.
 */
export function problemOfTlsPair(certificate: Uint8Array, key: Uint8Array): string | undefined {
  const leaf = readPem(() => new X509Certificate(certificate), certificate);
  if (leaf === undefined) return 'the certificate must be an X.509 certificate in PEM';
  const privateKey = readPem((): KeyObject => createPrivateKey({ key: Buffer.from(key), format: 'pem' }), key);
  if (privateKey === undefined) return 'the key must be a private key in PEM, without a passphrase';
  return leaf.checkPrivateKey(privateKey) ? undefined : 'the key does not belong to the certificate';
}

function readPem<T>(read: () => T, bytes: Uint8Array): T | undefined {
  // Node takes DER too, which no reader of such a Secret does.
  if (!Buffer.from(bytes).includes('-----BEGIN ')) return undefined;
  try {
    return read();
  } catch {
    return undefined;
  }
}

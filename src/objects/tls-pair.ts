import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/**
 * What stands against a certificate and a private key, both PEM, as a pair; undefined when they fit. The first of
 * several certificates counts, as in a chain. No byte of either is in the answer.
 */
export function problemOfTlsPair(certificate: Uint8Array, key: Uint8Array): string | undefined {
  const marked = [
    ...(beginsWithMark(certificate) ? ['the certificate'] : []),
    ...(beginsWithMark(key) ? ['the key'] : []),
  ];
  if (marked.length > 0) {
    return `${marked.join(' and ')} must not begin with a byte order mark, which hides the PEM behind it; save it as UTF-8 without one`;
  }
  // Both may be in one file.
  if (!has(certificate, CERTIFICATE) && has(certificate, KEY) && has(key, CERTIFICATE) && !has(key, KEY)) {
    return 'the two are the wrong way round: the first holds a private key, the second a certificate; exchange them';
  }
  const leaf = readPem(() => new X509Certificate(certificate), certificate);
  if (leaf === undefined) return 'the certificate must be an X.509 certificate in PEM';
  const privateKey = readPem((): KeyObject => createPrivateKey({ key: Buffer.from(key), format: 'pem' }), key);
  if (privateKey === undefined) return 'the key must be a private key in PEM, without a passphrase';
  return leaf.checkPrivateKey(privateKey) ? undefined : 'the key does not belong to the certificate';
}

/** Go's readers of PEM find a block only where a line begins. */
function beginsWithMark(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, MARK.length)).equals(MARK);
}

const CERTIFICATE = '-----BEGIN CERTIFICATE-----';
const KEY = 'PRIVATE KEY-----';
const MARK = Buffer.from('\uFEFF');

function has(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes).includes(text);
}

function readPem<T>(read: () => T, bytes: Uint8Array): T | undefined {
  // Node takes DER too, which no reader of such a Secret does.
  if (!has(bytes, '-----BEGIN ')) return undefined;
  try {
    return read();
  } catch {
    return undefined;
  }
}

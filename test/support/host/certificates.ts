import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Certificates for tests of TLS, made on the spot: nothing expires, no private key lies in the repository. */

export type Identity = { readonly cert: string; readonly key: string };

/** An authority of the test's own. */
export class Authority {
  readonly cert: string;
  readonly #name: string;
  readonly #key: KeyObject;

  constructor(name: string) {
    const { privateKey, publicKey } = newKeys();
    this.#name = name;
    this.#key = privateKey;
    this.cert = certificate({ subject: name, issuer: name, publicKey, signer: privateKey, extension: IS_AUTHORITY });
  }

  /** A certificate for `localhost`, with its key; good for servers and clients. */
  issue(subject: string): Identity {
    const { privateKey, publicKey } = newKeys();
    const cert = certificate({ subject, issuer: this.#name, publicKey, signer: this.#key, extension: IS_LOCALHOST });
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }
}

function newKeys() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

type Contents = {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extension: Buffer;
};

/** X.509 version 3 as RFC 5280, section 4.1, has it, valid from yesterday for two days. */
function certificate({ subject, issuer, publicKey, signer, extension }: Contents): string {
  const day = 24 * 60 * 60 * 1000;
  const validity = sequence(time(Date.now() - day), time(Date.now() + day));
  const signed = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.from([1])),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    validity,
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(extension)),
  );
  const der = sequence(signed, ECDSA_WITH_SHA256, bitString(sign('sha256', signed, signer)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(objectId('550403'), tagged(0x0c, Buffer.from(commonName)));
  return sequence(tagged(0x31, attribute));
}

/** UTCTime: `YYMMDDhhmmssZ`. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}

function bitString(bytes: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const ECDSA_WITH_SHA256 = sequence(objectId('2a8648ce3d040302'));
/** basicConstraints with cA, and subjectAltName with one DNS name. */
const IS_AUTHORITY = sequence(objectId('551d13'), tagged(0x04, sequence(tagged(0x01, Buffer.from([0xff])))));
const IS_LOCALHOST = sequence(objectId('551d11'), tagged(0x04, sequence(tagged(0x82, Buffer.from('localhost')))));

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Fault } from '../base/errors.ts';
import { mapKey } from '../base/parsed.ts';
import { parseBoundedJson } from './bounded-json.ts';
import { goJson } from './go-json.ts';
import { DOCKER_CONFIG_LIMITS } from './text-limits.ts';

/** The account of a token Secret. */
export const SERVICE_ACCOUNT_ANNOTATION = 'kubernetes.io/service-account.name';
/** The account's uid when the Secret was filled. */
export const SERVICE_ACCOUNT_UID_ANNOTATION = 'kubernetes.io/service-account.uid';

export const TOKEN_SECRET_TYPE = 'kubernetes.io/service-account-token';

type Data = ReadonlyMap<string, Uint8Array>;

/** Checks the contents that Kubernetes requires for its own types; other types are not checked. */
export function validateSecretType(type: string, data: Data, annotations: ReadonlyMap<string, string>): Fault[] {
  switch (type) {
    case 'kubernetes.io/tls':
      return ['tls.crt', 'tls.key'].flatMap((key) => (data.has(key) ? [] : [required(key, type)]));
    case 'kubernetes.io/dockerconfigjson':
      return validateJsonObject('.dockerconfigjson', data, type);
    case 'kubernetes.io/dockercfg':
      return validateJsonObject('.dockercfg', data, type);
    case 'kubernetes.io/basic-auth':
      if (data.has('username') || data.has('password')) return [];
      return [{ field: 'data', message: `username or password is required for type ${type}` }];
    case 'kubernetes.io/ssh-auth':
      return data.get('ssh-privatekey')?.byteLength ? [] : [required('ssh-privatekey', type)];
    case TOKEN_SECRET_TYPE: {
      const field = mapKey('metadata.annotations', SERVICE_ACCOUNT_ANNOTATION);
      return annotations.get(SERVICE_ACCOUNT_ANNOTATION) ? [] : [{ field, message: `is required for type ${type}` }];
    }
    default:
      return [];
  }
}

function required(key: string, type: string): Fault {
  return { field: mapKey('data', key), message: `is required for type ${type}` };
}

function validateJsonObject(key: string, data: Data, type: string): Fault[] {
  const bytes = data.get(key);
  if (bytes === undefined) return [required(key, type)];
  const json = parseBoundedJson(bytes, DOCKER_CONFIG_LIMITS);
  const isObject = json.ok && typeof json.value === 'object' && json.value !== null && !Array.isArray(json.value);
  if (isObject) return [];
  return [
    {
      field: mapKey('data', key),
      message: `must be a JSON object, of no more than ${DOCKER_CONFIG_LIMITS.nodes} keys and values`,
    },
  ];
}

type RegistryLogin = {
  readonly server: string;
  readonly username: string;
  readonly password: string;
  readonly email: string | undefined;
};

export const DOCKER_CONFIG_KEY = '.dockerconfigjson';

/** Byte for byte as `kubectl create secret docker-registry` writes it, because hashes of it are compared. */
export function registryConfig({ server, username, password, email }: RegistryLogin): Uint8Array {
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  return Buffer.from(goJson({ auths: { [server]: { username, password, email: email || undefined, auth } } }));
}

/** Undefined if the pair matches. The first of several certificates counts. The fault contains no byte of either. */
export function problemOfTlsPair(certificate: Uint8Array, key: Uint8Array): string | undefined {
  const marked = [
    ...(beginsWithMark(certificate) ? ['the certificate'] : []),
    ...(beginsWithMark(key) ? ['the key'] : []),
  ];
  if (marked.length > 0) {
    return `${marked.join(' and ')} must not begin with a byte order mark, which hides the PEM behind it; save it as UTF-8 without one`;
  }
  // One file may hold both.
  if (!has(certificate, CERTIFICATE) && has(certificate, KEY) && has(key, CERTIFICATE) && !has(key, KEY)) {
    return 'the two are the wrong way round: the first holds a private key, the second a certificate; exchange them';
  }
  const leaf = readPem(() => new X509Certificate(certificate), certificate);
  if (leaf === undefined) return 'the certificate must be an X.509 certificate in PEM';
  const privateKey = readPem((): KeyObject => createPrivateKey({ key: Buffer.from(key), format: 'pem' }), key);
  if (privateKey === undefined) return 'the key must be a private key in PEM, without a passphrase';
  return leaf.checkPrivateKey(privateKey) ? undefined : 'the key does not belong to the certificate';
}

/** Go's PEM readers find a block only at the start of a line. */
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
  // Node accepts DER too, but no reader of such a Secret does.
  if (!has(bytes, '-----BEGIN ')) return undefined;
  try {
    return read();
  } catch {
    return undefined;
  }
}

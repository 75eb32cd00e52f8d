import type { Fault } from '../base/errors.ts';
import { mapKey } from '../base/parsed.ts';
import { parseBoundedJson } from './bounded-json.ts';
import { DOCKER_CONFIG_LIMITS } from './text-limits.ts';

/** The account that a token Secret is for. */
export const SERVICE_ACCOUNT_ANNOTATION = 'kubernetes.io/service-account.name';
/** That account's uid, as of when the Secret was filled. */
export const SERVICE_ACCOUNT_UID_ANNOTATION = 'kubernetes.io/service-account.uid';

/** The type of a Secret that holds a service account's token. */
export const TOKEN_SECRET_TYPE = 'kubernetes.io/service-account-token';

type Data = ReadonlyMap<string, Uint8Array>;

/** What a Secret of a type that Kubernetes knows must hold. Other types are not checked. */
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

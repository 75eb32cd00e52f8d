import { KEYS, NAMES, one } from './validation-values.mjs';

/** @typedef {import('./validation-values.mjs').Fields} Fields */
/** @typedef {import('./validation-values.mjs').Case} Case */

/** @param {Fields} metadata */
const named = (metadata) => ({ name: 'db', ...metadata });
const b64 = (/** @type {string} */ text) => Buffer.from(text).toString('base64');

/** @param {Fields} [fields] @param {Fields} [metadata] @returns {Fields} */
function secret(fields = {}, metadata = {}) {
  return { apiVersion: 'v1', kind: 'Secret', metadata: named(metadata), ...fields };
}

/** @param {Fields} [fields] @param {Fields} [metadata] @returns {Fields} */
function configMap(fields = {}, metadata = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: named(metadata), ...fields };
}

/** @param {Fields} [fields] @param {Fields} [metadata] @returns {Fields} */
function account(fields = {}, metadata = {}) {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: named(metadata), ...fields };
}

/** @type {readonly Fields[]} */
export const VALID_OBJECTS = [
  secret(
    { type: 'Opaque', data: { a: b64('x') }, stringData: { b: 'y' }, immutable: true },
    { namespace: 'default', labels: { app: 'db' }, annotations: { note: 'x' } },
  ),
  secret({ type: 'kubernetes.io/tls', data: { 'tls.crt': b64('c'), 'tls.key': b64('k') } }),
  secret({ type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{"auths":{}}' } }),
  secret({ type: 'kubernetes.io/basic-auth', stringData: { username: 'u', password: 'p' } }),
  secret({ type: 'kubernetes.io/ssh-auth', stringData: { 'ssh-privatekey': 'k' } }),
  secret(
    { type: 'kubernetes.io/service-account-token' },
    { annotations: { 'kubernetes.io/service-account.name': 'robot' } },
  ),
  configMap({ data: { a: 'x' }, binaryData: { b: b64('y') }, immutable: false }),
  account({ secrets: [{ name: 's' }], imagePullSecrets: [{ name: 'p' }], automountServiceAccountToken: true }),
];

const BASE64 = [
  '',
  'eA==',
  'eA',
  'eA=',
  'eB==',
  'e A==',
  'eA==\n',
  'e\nA==',
  'e\r\nA==',
  '-_8=',
  '+/8=',
  'plain text',
  '====',
  'eA==eA==',
];
const SECRET_TYPES = [
  '',
  'Opaque',
  'x',
  'my.org/type',
  'bootstrap.kubernetes.io/token',
  'kubernetes.io/tls',
  'kubernetes.io/dockercfg',
  'kubernetes.io/dockerconfigjson',
  'kubernetes.io/basic-auth',
  'kubernetes.io/ssh-auth',
  'kubernetes.io/service-account-token',
];

/** @type {readonly Case[]} */
export const OBJECT_CASES = [
  ...BASE64.flatMap((text) => [
    one('data', text, secret({ data: { a: text } })),
    one('binaryData', text, configMap({ binaryData: { a: text } })),
  ]),
  ...KEYS.flatMap((key) => [
    one('a key of data', key, secret({ data: { [key]: '' } })),
    one('a key of stringData', key, secret({ stringData: { [key]: 'x' } })),
    one("a key of a ConfigMap's data", key, configMap({ data: { [key]: 'x' } })),
    one('a key of binaryData', key, configMap({ binaryData: { [key]: '' } })),
  ]),
  ...NAMES.flatMap((name) => [
    one("a Secret's name", name, secret({}, { name })),
    one("a ConfigMap's namespace", name, configMap({}, { namespace: name })),
    one("an account's name", name, account({}, { name })),
    one("an account's Secret", name, account({ secrets: [{ name }] })),
    one("an account's pull secret", name, account({ imagePullSecrets: [{ name }] })),
    one('a label', name, secret({}, { labels: { [name]: 'x' } })),
    one("a label's value", name, secret({}, { labels: { x: name } })),
    one('an annotation', name, configMap({}, { annotations: { [name]: 'x' } })),
    one('a label with a prefix', name, secret({}, { labels: { [`${name}/x`]: 'x' } })),
    one('an annotation with a prefix', name, secret({}, { annotations: { [`${name}/x`]: 'x' } })),
  ]),
  ...SECRET_TYPES.flatMap((type) => [
    one('an empty Secret of type', type, secret({ type })),
    one('another Secret of type', type, secret({ type, data: { a: '' } })),
    one(
      'a Secret with empty values of type',
      type,
      secret({
        type,
        stringData: {
          'tls.crt': '',
          'tls.key': '',
          '.dockercfg': '',
          '.dockerconfigjson': '',
          username: '',
          password: '',
          'ssh-privatekey': '',
        },
      }),
    ),
    one(
      'a Secret with JSON of type',
      type,
      secret({ type, stringData: { '.dockercfg': '[]', '.dockerconfigjson': '1' } }),
    ),
    one(
      'a Secret with values of type',
      type,
      secret({
        type,
        stringData: {
          'tls.crt': 'x',
          'tls.key': 'x',
          '.dockercfg': '{}',
          '.dockerconfigjson': '{}',
          password: 'x',
          'ssh-privatekey': 'x',
        },
      }),
    ),
    one(
      'a Secret with an account of type',
      type,
      secret({ type }, { annotations: { 'kubernetes.io/service-account.name': '' } }),
    ),
  ]),
  ...[1_048_576, 1_048_577].flatMap((length) => [
    one('so many bytes in a Secret', length, secret({ stringData: { a: 'x'.repeat(length) } })),
    one(
      'so many bytes in a ConfigMap',
      length,
      configMap({ data: { a: 'x'.repeat(length - 1) }, binaryData: { b: b64('y') } }),
    ),
  ]),
  ...[262_143, 262_144].map((length) =>
    one('an annotation as long as', length, secret({}, { annotations: { a: 'x'.repeat(length) } })),
  ),
  { name: 'one key in data and binaryData', object: configMap({ data: { a: 'x' }, binaryData: { a: '' } }) },
  { name: 'one key in data and stringData', object: secret({ data: { a: '' }, stringData: { a: 'x' } }) },
  ...['apps/v1', 'v2', 'v1beta1', '', 'core/v1'].map((apiVersion) =>
    one('a version', apiVersion, { ...secret(), apiVersion }),
  ),
  ...['secret', 'Secrets', 'Secert', ''].map((kind) => one('a kind', kind, { ...secret(), kind })),
  ...[
    'finalizers',
    'ownerReferences',
    'managedFields',
    'generateName',
    'selfLink',
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ].flatMap((field) =>
    [null, 'x', '', 1, []].map((value) => one(`metadata.${field}`, value, secret({}, { [field]: value }))),
  ),
];

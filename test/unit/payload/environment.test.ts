import { describe, expect, test } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import type { StoredObject } from '../../../src/objects/object.ts';
import {
  type EnvironmentInputs,
  MAX_ENVIRONMENT_BYTES,
  MAX_KEYS,
  resolveEnvironment,
} from '../../../src/payload/environment.ts';
import { parseContainerEnv } from '../../../src/spec/container-env.ts';
import { configMapDraft, objectsByKey, podFacts, secretDraft, stored } from '../../support/objects/builders.ts';

const PLANTED = 'pl4nted';
const OBJECTS: readonly StoredObject[] = [
  stored(secretDraft('db', { username: 'admin', password: PLANTED })),
  stored(secretDraft('other', { username: 'root' })),
  stored(secretDraft('bytes', { raw: new Uint8Array([0xff, 0xc3, 0x28]), nul: `${PLANTED}\0`, utf8: 'é€' })),
  stored(secretDraft('mysecret', { '2alsobad': 'x', '1badkey': 'y', good: 'z' })),
  stored(configMapDraft('settings', { level: 'info', blob: new Uint8Array([1]), '9lives': 'cat' })),
];
const POD = podFacts({
  labels: new Map([['app', 'web']]),
  annotations: new Map([['note', 'n']]),
  containers: [
    { name: 'main', limits: new Map([['cpu', '1500m']]), requests: new Map([['memory', '64Mi']]) },
    { name: 'side', limits: new Map([['cpu', '3']]), requests: new Map() },
  ],
});
const PLACEMENT = { nodeName: 'node-1', hostIPs: ['10.0.0.1', 'fd00::1'], podIPs: ['10.1.0.1', 'fd01::1'] };

function resolve(container: object, overrides: Partial<EnvironmentInputs> = {}) {
  return resolveEnvironment({
    container: orThrow(parseContainerEnv({ name: 'main', ...container }, '')),
    namespace: 'default',
    objects: objectsByKey(...OBJECTS),
    pod: POD,
    placement: PLACEMENT,
    allocatable: new Map([['memory', '1Gi']]),
    names: 'strict',
    ...overrides,
  });
}

/** `NAME=value` per variable, in order; else what stands against it. */
function linesOf(container: object, overrides: Partial<EnvironmentInputs> = {}): readonly string[] {
  const result = resolve(container, overrides);
  if (!result.ok) return [result.reason, ...result.faults.map(({ message }) => message)];
  return result.variables.map(({ name, value }) => `${name}=${Buffer.from(value).toString()}`);
}

const secretKey = (name: string, key: string, optional?: boolean) => ({
  valueFrom: { secretKeyRef: { name, key, optional } },
});
const configKey = (name: string, key: string, optional?: boolean) => ({
  valueFrom: { configMapKeyRef: { name, key, optional } },
});
const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
const resource = (fields: object) => ({ valueFrom: { resourceFieldRef: fields } });
const from = (name: string, more: object = {}) => ({ ...more, secretRef: { name } });

describe('variables', () => {
  test.each<[string, object, readonly string[]]>([
    ['none', {}, []],
    ['a plain value', { env: [{ name: 'A', value: 'b' }] }, ['A=b']],
    ['no value is empty', { env: [{ name: 'A' }] }, ['A=']],
    ['a key of a Secret', { env: [{ name: 'P', ...secretKey('db', 'password') }] }, [`P=${PLANTED}`]],
    ['a key of a ConfigMap', { env: [{ name: 'L', ...configKey('settings', 'level') }] }, ['L=info']],
    ['all keys, by name', { envFrom: [from('db')] }, [`password=${PLANTED}`, 'username=admin']],
    ['with a prefix', { envFrom: [from('other', { prefix: 'DB_' })] }, ['DB_username=root']],
    [
      'a prefix makes a bad name good',
      { envFrom: [from('mysecret', { prefix: 'K' })] },
      ['K1badkey=y', 'K2alsobad=x', 'Kgood=z'],
    ],
    ['a later envFrom wins', { envFrom: [from('db'), from('other')] }, [`password=${PLANTED}`, 'username=root']],
    ['and the other way round', { envFrom: [from('other'), from('db')] }, ['username=admin', `password=${PLANTED}`]],
    [
      'env wins over envFrom',
      { envFrom: [from('db')], env: [{ name: 'username', value: 'me' }] },
      [`password=${PLANTED}`, 'username=me'],
    ],
    [
      'a later env wins',
      {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      ['A=2'],
    ],
    ['binaryData is not for variables', { envFrom: [{ configMapRef: { name: 'settings' } }] }, ['level=info']],
    ['names in order of bytes', { envFrom: [from('mysecret')] }, ['good=z']],
    ['UTF-8 beyond ASCII', { env: [{ name: 'E', value: 'ü$(E)' }] }, ['E=ü$(E)']],
  ])('%s', (_, container, lines) => {
    expect(linesOf(container)).toEqual(lines);
  });

  test('a value may have any bytes but NUL, also through a reference', () => {
    const env = [
      { name: 'RAW', ...secretKey('bytes', 'raw') },
      { name: 'U', ...secretKey('bytes', 'utf8') },
      { name: 'BOTH', value: 'ö$(RAW)$(U)' },
    ];
    const result = resolve({ env });
    expect(result.ok && result.variables.map(({ value }) => Buffer.from(value).toString('hex'))).toEqual([
      'ffc328',
      Buffer.from('é€').toString('hex'),
      `c3b6ffc328${Buffer.from('é€').toString('hex')}`,
    ]);
  });
});

describe('references', () => {
  test.each<[string, object, readonly string[]]>([
    [
      'to envFrom',
      { envFrom: [from('other')], env: [{ name: 'A', value: '<$(username)>' }] },
      ['username=root', 'A=<root>'],
    ],
    [
      'to earlier variables only',
      {
        env: [
          { name: 'A', value: '$(B)' },
          { name: 'B', value: '$(A)' },
        ],
      },
      ['A=$(B)', 'B=$(B)'],
    ],
    [
      'to what a variable was at that place',
      {
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '$(A)' },
          { name: 'A', value: '$(A)2' },
        ],
      },
      ['A=12', 'B=1'],
    ],
    [
      'not in values from elsewhere',
      {
        env: [
          { name: 'A', value: 'a' },
          { name: 'B', ...configKey('refs', 'text') },
        ],
      },
      ['A=a', 'B=$(A)'],
    ],
  ])('%s', (_, container, lines) => {
    const objects = objectsByKey(...OBJECTS, stored(configMapDraft('refs', { text: '$(A)' })));
    expect(linesOf(container, { objects })).toEqual(lines);
  });

  test('variables that double each other end in an error, not in memory', () => {
    const env = Array.from({ length: 64 }, (_, index) => ({
      name: `V${index}`,
      value: index === 0 ? 'x'.repeat(64) : `$(V${index - 1})$(V${index - 1})`,
    }));
    expect(resolve({ env })).toMatchObject({ ok: false, reason: 'too-large' });
  });

  test('nor do many definitions of one variable', () => {
    const big = { name: 'BIG', value: 'x'.repeat(1024 * 1024) };
    const env = [big, ...Array.from({ length: 100_000 }, () => ({ name: 'A', value: '$(BIG)$(BIG)' }))];
    const started = performance.now();
    expect(resolve({ env })).toMatchObject({ ok: false, reason: 'too-large' });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('nor do an object that is named over and over, or references without end', () => {
    const data = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`1${index}`, 'x']));
    const objects = objectsByKey(stored(configMapDraft('many', data)));
    const envFrom = (times: number) => Array.from({ length: times }, () => ({ configMapRef: { name: 'many' } }));
    expect(resolve({ envFrom: envFrom(MAX_KEYS / 1_000) }, { objects })).toMatchObject({ ok: true });
    expect(resolve({ envFrom: envFrom(MAX_KEYS / 1_000 + 1) }, { objects })).toMatchObject({ reason: 'too-large' });
    const references = (count: number) => [{ name: 'A', value: '$(A)'.repeat(count) }];
    expect(resolve({ env: references(MAX_KEYS) })).toMatchObject({ ok: true });
    expect(resolve({ env: references(MAX_KEYS + 1) })).toMatchObject({ reason: 'too-large' });
  });

  test('an environment is limited as a whole', () => {
    const third = Math.ceil(MAX_ENVIRONMENT_BYTES / 3);
    const env = ['A', 'B', 'C'].map((name) => ({ name, value: 'x'.repeat(third) }));
    expect(resolve({ env: env.slice(1) })).toMatchObject({ ok: true });
    expect(resolve({ env })).toMatchObject({ ok: false, reason: 'too-large' });
  });
});

describe('pod fields', () => {
  test.each<[object, string]>([
    [field('metadata.name'), 'web-0'],
    [field('metadata.namespace'), 'default'],
    [field('metadata.uid'), POD.uid],
    [field("metadata.labels['app']"), 'web'],
    [field("metadata.annotations['note']"), 'n'],
    [field("metadata.labels['none']"), ''],
    [field('spec.nodeName'), 'node-1'],
    [field('spec.serviceAccountName'), 'default'],
    [field('status.hostIP'), '10.0.0.1'],
    [field('status.hostIPs'), '10.0.0.1,fd00::1'],
    [field('status.podIP'), '10.1.0.1'],
    [field('status.podIPs'), '10.1.0.1,fd01::1'],
    [resource({ resource: 'limits.cpu' }), '2'],
    [resource({ resource: 'limits.cpu', divisor: '1m' }), '1500'],
    [resource({ containerName: 'side', resource: 'limits.cpu' }), '3'],
    [resource({ resource: 'requests.memory', divisor: '1Mi' }), '64'],
    [resource({ resource: 'limits.memory' }), String(1024 ** 3)],
  ])('%j', (variable, value) => {
    expect(linesOf({ env: [{ name: 'F', ...variable }] })).toEqual([`F=${value}`]);
  });

  test('what is not known is said with the variable', () => {
    const env = [{ name: 'IP', ...field('status.podIP') }];
    const placement = { nodeName: '', hostIPs: [], podIPs: [] };
    expect(linesOf({ env }, { placement })).toEqual([
      'invalid',
      'the variable "IP": status.podIP is not known; the request must say it',
    ]);
    expect(linesOf({ env: [{ name: 'N', ...field('metadata.name') }] }, { pod: undefined })).toEqual([
      'invalid',
      expect.stringMatching(/^the variable "N": the downward API shows the pod/),
    ]);
  });
});

describe('what is missing', () => {
  test.each<[string, object, readonly string[]]>([
    [
      'a Secret',
      { env: [{ name: 'A', ...secretKey('gone', 'k') }] },
      ['missing', 'Secret default/gone does not exist'],
    ],
    [
      'a key',
      { env: [{ name: 'A', ...secretKey('db', 'k') }] },
      ['missing', "couldn't find key k in Secret default/db"],
    ],
    [
      'a key of a ConfigMap, though binaryData has it',
      { env: [{ name: 'A', ...configKey('settings', 'blob') }] },
      ['missing', "couldn't find key blob in ConfigMap default/settings"],
    ],
    ['a whole Secret', { envFrom: [from('gone')] }, ['missing', 'Secret default/gone does not exist']],
    [
      'everything at once, invalid over missing',
      {
        envFrom: [{ configMapRef: { name: 'gone' } }],
        env: [
          { name: 'A', ...secretKey('db', 'k') },
          { name: 'R', ...resource({ containerName: 'none', resource: 'limits.cpu' }) },
        ],
      },
      [
        'invalid',
        'ConfigMap default/gone does not exist',
        "couldn't find key k in Secret default/db",
        'the variable "R": limits.cpu of container "none": the pod has no such container',
      ],
    ],
    ['is forgiven where optional: object', { env: [{ name: 'A', ...secretKey('gone', 'k', true) }] }, []],
    ['is forgiven where optional: key', { env: [{ name: 'A', ...configKey('settings', 'k', true) }] }, []],
    ['is forgiven where optional: all keys', { envFrom: [{ secretRef: { name: 'gone', optional: true } }] }, []],
    [
      'and leaves what was there',
      {
        env: [
          { name: 'A', value: 'before' },
          { name: 'A', ...secretKey('db', 'k', true) },
        ],
      },
      ['A=before'],
    ],
  ])('%s', (_, container, lines) => {
    expect(linesOf(container)).toEqual(lines);
  });

  test.each([true, false])('a NUL byte is refused without the value, optional or not (%s)', (optional) => {
    const message =
      'the key "nul" of Secret default/bytes has a NUL byte, which the value of an environment variable cannot hold';
    expect(linesOf({ env: [{ name: 'A', ...secretKey('bytes', 'nul', optional) }] })).toEqual(['invalid', message]);
    expect(linesOf({ envFrom: [{ secretRef: { name: 'bytes', optional } }] })).toEqual(['invalid', message]);
    expect(linesOf({ env: [{ name: 'A', value: `${PLANTED}\0` }] })[1]).toMatch(/^the variable "A" has a NUL byte/);
  });
});

describe('names that are no names', () => {
  test.each<[object, string]>([
    [
      from('mysecret'),
      'Keys [1badkey, 2alsobad] from the EnvFrom secret default/mysecret were skipped since they are considered invalid environment variable names.',
    ],
    [
      { configMapRef: { name: 'settings' } },
      'Keys [9lives] from the EnvFrom configMap default/settings were skipped since they are considered invalid environment variable names.',
    ],
  ])('%j', (source, message) => {
    const result = resolve({ envFrom: [source] });
    expect(result).toMatchObject({ ok: true, notices: [{ reason: 'InvalidEnvironmentVariableNames', message }] });
  });
});

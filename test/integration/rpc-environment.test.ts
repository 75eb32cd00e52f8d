import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ResolveEnvironmentRequest } from '../../src/rpc/generated/lantern/v1/ResolveEnvironmentRequest.ts';
import type { ResolveRegistryCredentialsRequest } from '../../src/rpc/generated/lantern/v1/ResolveRegistryCredentialsRequest.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

/** Stands in Secrets and in bad requests, and must never come back in an error or a log. */
const PLANTED = 'hunter2-planted';

let harness: DaemonHarness;

beforeAll(async () => {
  harness = await DaemonHarness.start();
  await harness.applySecret('mysecret', { username: 'admin', password: '1f2d1e2e67df' });
  await harness.applySecret('badkeys', { '1badkey': PLANTED, '2alsobad': PLANTED, good: 'kept' });
  await harness.applySecret('nul', { key: `${PLANTED}\0` });
  await applyPullSecret('own', { 'registry.example': 'own', 'registry.example/team': 'team', '*.example': 'any' });
  await applyPullSecret('account', { 'registry.example': 'account' });
  await applyPullSecret('fallback', { 'https://index.docker.io/v1/': 'hub' });
  await harness.applySecret('opaque', { '.dockerconfigjson': PLANTED });
  await applyAccount('builder', ['account', 'gone']);
});

afterEach(() => {
  expect(harness.logLines.join('')).not.toContain(PLANTED);
});

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

/** A docker configuration with a user for each registry. */
async function applyPullSecret(name: string, users: Readonly<Record<string, string>>): Promise<void> {
  const auths = Object.fromEntries(
    Object.entries(users).map(([registry, user]) => [
      registry,
      { auth: Buffer.from(`${user}:${PLANTED}`).toString('base64') },
    ]),
  );
  const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })) };
  const object = { metadata: { name }, secret: { type: 'kubernetes.io/dockerconfigjson', data } };
  await harness.client.objects.apply({ object });
}

async function applyAccount(name: string, imagePullSecrets: string[]): Promise<void> {
  await harness.client.objects.apply({ object: { metadata: { name }, serviceAccount: { imagePullSecrets } } });
}

describe('ResolveEnvironment', () => {
  const keyOf = (key: string, name = 'mysecret') => ({ secretKeyRef: { name, key } });
  const VALID: ResolveEnvironmentRequest = {
    containerName: 'mycontainer',
    env: [
      { name: 'SECRET_USERNAME', valueFrom: keyOf('username') },
      { name: 'SECRET_PASSWORD', valueFrom: keyOf('password') },
    ],
  };
  const call = (change: ResolveEnvironmentRequest) =>
    harness.client.projector.resolveEnvironment({ ...VALID, ...change });

  async function linesFor(change: ResolveEnvironmentRequest): Promise<readonly string[]> {
    return (await call(change)).variables.map(({ name, value }) => `${name}=${value.toString()}`);
  }

  it('gives the variables of "Using Secrets as Environment Variables"', async () => {
    expect(await linesFor({})).toEqual(['SECRET_USERNAME=admin', 'SECRET_PASSWORD=1f2d1e2e67df']);
  });

  it('skips invalid names and says so as the document does', async () => {
    const envFrom = [{ secretRef: { name: 'mysecret' } }, { secretRef: { name: 'badkeys' } }];
    const badkeys = await call({ envFrom, env: [] });
    expect(badkeys.variables.map(({ name }) => name)).toEqual(['password', 'username', 'good']);
    expect(badkeys.notices).toMatchObject([
      {
        reason: 'InvalidEnvironmentVariableNames',
        message:
          'Keys [1badkey, 2alsobad] from the EnvFrom secret default/badkeys were skipped since they are considered invalid environment variable names.',
      },
    ]);
  });

  it('shows the pod, its resources and where it runs', async () => {
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
    const lines = await linesFor({
      env: [
        field('NAME', 'metadata.name'),
        field('APP', "metadata.labels['app']"),
        field('NODE', 'spec.nodeName'),
        field('IP', 'status.podIP'),
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'ALL', value: '$(NAME)/$(APP)/$(CPU) $$(NAME) $(NONE)' },
      ],
      pod: {
        name: 'web-0',
        labels: { app: 'web' },
        containers: [{ name: 'mycontainer', limits: { cpu: '1500m' }, requests: {} }],
      },
      placement: { nodeName: 'node-1', podIps: ['10.1.0.1'] },
    });
    expect(lines).toEqual([
      'NAME=web-0',
      'APP=web',
      'NODE=node-1',
      'IP=10.1.0.1',
      'CPU=2',
      'ALL=web-0/web/2 $(NAME) $(NONE)',
    ]);
  });

  it('sees an object as it is now', async () => {
    await harness.applySecret('changing', { key: 'before' });
    const env = [{ name: 'A', valueFrom: keyOf('key', 'changing') }];
    expect(await linesFor({ env })).toEqual(['A=before']);
    await harness.applySecret('changing', { key: 'after' });
    expect(await linesFor({ env })).toEqual(['A=after']);
  });

  const variable = (fields: object) => ({ env: [{ name: 'A', ...fields }] });
  it.each<[string, ResolveEnvironmentRequest, RegExp, string?]>([
    [
      'a missing key',
      variable({ valueFrom: keyOf('k') }),
      /^couldn't find key k in Secret default\/mysecret$/,
      'failed-precondition',
    ],
    [
      'a missing Secret',
      variable({ valueFrom: keyOf('k', 'gone') }),
      /^Secret default\/gone does not exist$/,
      'failed-precondition',
    ],
    ['another namespace', { namespace: 'shop' }, /^Secret shop\/mysecret does not exist; /, 'failed-precondition'],
    [
      'a NUL byte',
      variable({ valueFrom: keyOf('key', 'nul') }),
      /^the key "key" of Secret default\/nul has a NUL byte/,
    ],
    ['a bad namespace', { namespace: 'A_b' }, /^namespace: must be a DNS-1123 label/],
    ['no name', { env: [{ value: PLANTED }] }, /^env\[0\]\.name: is required$/],
    ['a bad name', { env: [{ name: '1', value: PLANTED }] }, /^env\[0\]\.name: must have letters/],
    ['value and valueFrom', variable({ value: PLANTED, valueFrom: keyOf('k') }), /^env\[0\]\.valueFrom: must not be/],
    ['an empty valueFrom', variable({ valueFrom: {} }), /^env\[0\]\.valueFrom: must have exactly one of/],
    [
      'a bad field',
      variable({ valueFrom: { fieldRef: { fieldPath: 'spec' } } }),
      /fieldRef\.fieldPath: must be one of/,
    ],
    ['an empty envFrom', { envFrom: [{}] }, /^envFrom\[0\]: must have exactly one of secretRef, configMapRef/],
    ['a bad prefix', { envFrom: [{ prefix: '=', secretRef: { name: 'a' } }] }, /^envFrom\[0\]\.prefix: must have/],
    ['the pod unknown', variable({ valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }), /^the variable "A": /],
    [
      'all faults at once',
      { namespace: '_', env: [{ name: '1' }], envFrom: [{}] },
      /^namespace: .*; envFrom.*; env\[0\]/,
    ],
  ])('refuses %s', async (_, change, message, code = 'invalid-argument') => {
    const error = await rejectionOf(call(change));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error.message).not.toContain(PLANTED);
  });
});

describe('ResolveRegistryCredentials', () => {
  const call = (change: ResolveRegistryCredentialsRequest) =>
    harness.client.projector.resolveRegistryCredentials({ image: 'registry.example/team/app', ...change });

  it.each<[string, ResolveRegistryCredentialsRequest, readonly string[], readonly string[]]>([
    ['own, most specific first', { imagePullSecrets: ['own'] }, ['team', 'own', 'any'], []],
    ['another image', { imagePullSecrets: ['own'], image: 'registry.example/app' }, ['own', 'any'], []],
    [
      'own in place of the account',
      { imagePullSecrets: ['own'], serviceAccountName: 'builder' },
      ['team', 'own', 'any'],
      [],
    ],
    [
      "the account's where there is none, and what is missing is skipped",
      { serviceAccountName: 'builder' },
      ['account'],
      ['image pull secret Secret default/gone does not exist; it is left out'],
    ],
    ['the default account need not exist', {}, [], []],
    [
      'another account that does not exist',
      { serviceAccountName: 'none' },
      [],
      ['ServiceAccount default/none does not exist; it has no image pull secrets to use'],
    ],
    [
      'a Secret of another type',
      { imagePullSecrets: ['opaque', 'own', 'own'] },
      ['team', 'own', 'any'],
      [
        'image pull secret Secret default/opaque: its type must be kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg; it is left out',
      ],
    ],
    ['the default registry', { image: 'busybox', imagePullSecrets: ['fallback', 'own'] }, ['hub'], []],
  ])('%s', async (_, change, users, messages) => {
    const { credentials, notices } = await call(change);
    expect(credentials.map(({ username }) => username)).toEqual(users);
    expect(credentials.every(({ password }) => password === PLANTED)).toBe(true);
    expect(notices.map(({ message }) => message)).toEqual(messages);
  });

  it('uses what somebody attached to the default account', async () => {
    await applyAccount('default', ['fallback']);
    expect(await call({ image: 'team/app:v1' })).toMatchObject({
      registry: 'docker.io',
      credentials: [{ match: 'index.docker.io', username: 'hub', secretName: 'fallback' }],
    });
  });

  it.each<[string, ResolveRegistryCredentialsRequest, RegExp]>([
    ['no image', { image: '' }, /^image: must not be empty$/],
    ['a bad image', { image: `user:${PLANTED}@registry.example/app` }, /^image: must /],
    ['a bad namespace', { namespace: 'A_b' }, /^namespace: must be/],
    ['a bad secret', { imagePullSecrets: ['own', 'A_b'] }, /^image_pull_secrets\[1\]: must be/],
    ['a bad account', { serviceAccountName: 'A_b' }, /^service_account_name: must be/],
    [
      'all faults at once',
      { image: '', namespace: '_', imagePullSecrets: [''] },
      /^image: .*; namespace: .*; image_pull/,
    ],
  ])('refuses %s', async (_, change, message) => {
    const error = await rejectionOf(call(change));
    expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(message) });
    expect(error.message).not.toContain(PLANTED);
  });
});

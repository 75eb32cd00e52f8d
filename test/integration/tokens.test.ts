import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIGNING_KEYS } from '../../src/objects/object.ts';
import type { LanternClient } from '../../src/rpc/client.ts';
import type { Object__Output as Wire } from '../../src/rpc/generated/lantern/v1/Object.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { rejectionOf } from '../support/suite/expectations.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const NAME = 'kubernetes.io/service-account.name';
const TYPE = 'kubernetes.io/service-account-token';
const ISSUER = 'https://lantern.example';

/** What a second party makes of the token, which has nothing but a key set in JSON. */
async function verify(token: string, jwksJson: string) {
  return await jwtVerify(token, createLocalJWKSet(JSON.parse(jwksJson)), { issuer: ISSUER });
}

const keysOf = async ({ tokens }: LanternClient): Promise<string> => (await tokens.getKeys({})).jwksJson;

/** The document that holds the signing keys, private ones and all. */
async function signingKeys({ objects }: LanternClient): Promise<{ signing: { d: string } }> {
  const { object } = await objects.get({ ref: SIGNING_KEYS, withData: true });
  return JSON.parse(object?.secret?.data['keys.json']?.toString() ?? '');
}

/** The values of a token Secret, as soon as it has a token, and one other than `before`. */
async function filled({ objects }: LanternClient, name: string, before = ''): Promise<Record<string, string>> {
  const isFilled = ({ metadata, secret }: Wire) => {
    const token = secret?.data.token?.toString() ?? '';
    return metadata?.name === name && token !== '' && token !== before;
  };
  const wanted = { kind: 'Secret', namespace: 'default', withData: true };
  const { objects: now, resourceVersion } = await objects.list(wanted);
  const found = now.find(isFilled);
  if (found !== undefined) return textsOf(found);
  for await (const { object } of objects.watch({ ...wanted, resourceVersion })) {
    if (object !== null && isFilled(object)) return textsOf(object);
  }
  throw new Error('the watch ended');
}

function textsOf({ secret }: Wire): Record<string, string> {
  return Object.fromEntries(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, value.toString()]));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('a daemon', () => {
  let harness: DaemonHarness;
  let client: LanternClient;
  beforeAll(async () => {
    harness = await DaemonHarness.start({ tokenIssuer: ISSUER });
    client = harness.client;
    await client.objects.apply({ object: { metadata: { name: 'robot' }, serviceAccount: {} } });
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
  });

  test('gives tokens that others can verify, by RPC and by file', async () => {
    const request = { serviceAccountName: 'robot', audiences: ['vault'], expirationSeconds: 1_200 };
    const { token, expirationTimestamp } = await client.tokens.create({ ...request, podName: 'p', podUid: 'u' });
    const file = readFileSync(join(harness.runDirectory, 'jwks.json'), 'utf8');
    expect(JSON.parse(file)).toEqual(JSON.parse(await keysOf(client)));
    const { payload } = await verify(token, file);
    expect(payload).toMatchObject({
      aud: ['vault'],
      sub: 'system:serviceaccount:default:robot',
      'kubernetes.io': { pod: { name: 'p', uid: 'u' } },
    });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(1_200);
    expect(Date.parse(expirationTimestamp)).toBe(Number(payload.exp) * 1000);
    expect((await client.tokens.getKeys({})).issuer).toBe(ISSUER);
  });

  test('takes the default account, an hour and itself as audience where nothing is said', async () => {
    const { payload } = await verify((await client.tokens.create({ namespace: 'shop' })).token, await keysOf(client));
    expect(payload).toMatchObject({ sub: 'system:serviceaccount:shop:default', aud: [ISSUER] });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(3_600);
  });

  test('names every fault of a request at once', async () => {
    const error = await rejectionOf(
      client.tokens.create({
        namespace: 'No',
        serviceAccountName: '-',
        audiences: ['fine', ''],
        expirationSeconds: 599,
        podName: 'Not_a_name',
      }),
    );
    expect(error.code).toBe('invalid-argument');
    for (const field of [
      'namespace',
      'service_account_name',
      'audiences[1]',
      'expiration_seconds',
      'pod_name',
      'pod_uid',
    ]) {
      expect(error.message).toContain(`${field}: `);
    }
  });

  test.each([
    ['too long a life', { expirationSeconds: 2 ** 32 + 1 }, 'expiration_seconds'],
    ['a pod uid alone', { podUid: 'u' }, 'pod_name'],
    ['an endless uid', { podName: 'p', podUid: 'u'.repeat(200) }, 'pod_uid'],
    ['too many audiences', { audiences: Array.from({ length: 65 }, (_, index) => `a${index}`) }, 'audiences'],
    ['an endless audience', { audiences: ['a'.repeat(2_000)] }, 'audiences[0]'],
  ])('refuses %s', async (_what, request, field) => {
    const { code, message } = await rejectionOf(client.tokens.create(request));
    expect({ code, message }).toEqual({ code: 'invalid-argument', message: expect.stringContaining(`${field}: `) });
  });

  test('knows no token of an account that does not exist', async () => {
    expect((await rejectionOf(client.tokens.create({ serviceAccountName: 'nobody' }))).code).toBe('not-found');
  });

  test('signs with a new key after a rotation, and tokens from before verify', async () => {
    const before = await client.tokens.create({});
    const { keyId } = await client.tokens.rotateKey({});
    const after = await client.tokens.create({});
    expect(decodeProtectedHeader(after.token).kid).toBe(keyId);
    expect(decodeProtectedHeader(before.token).kid).not.toBe(keyId);
    for (const { token } of [before, after]) await verify(token, await keysOf(client));
  });

  test('shows the signing keys without their values, as any Secret', async () => {
    const { objects } = await client.objects.list({ kind: 'Secret', namespace: SIGNING_KEYS.namespace });
    expect(objects).toHaveLength(1);
    expect(objects[0]?.secret).toMatchObject({ type: 'lantern.dev/signing-keys', data: {} });
    expect(objects[0]?.secret?.sizes['keys.json']).toBeGreaterThan(200);
  });

  describe('shows the default account of a namespace', () => {
    const ref = { kind: 'ServiceAccount', namespace: 'shown', name: 'default' };
    const names = async () =>
      (await client.objects.list({ kind: 'ServiceAccount', namespace: 'shown' })).objects.map(
        ({ metadata }) => metadata?.name,
      );

    test('where nobody stored one, in its place in the order', async () => {
      const { object } = await client.objects.get({ ref });
      expect(object?.metadata).toMatchObject({ name: 'default', namespace: 'shown', creationTimestamp: '' });
      expect(object?.metadata?.uid).toMatch(/^[-0-9a-f]{36}$/);
      for (const name of ['alpha', 'omega']) {
        await client.objects.apply({ object: { metadata: { name, namespace: 'shown' }, serviceAccount: {} } });
      }
      expect(await names()).toEqual(['alpha', 'default', 'omega']);
      const paged: (string | undefined)[] = [];
      for (let pageToken = ''; ; ) {
        const page = await client.objects.list({ kind: 'ServiceAccount', namespace: 'shown', pageSize: 1, pageToken });
        paged.push(...page.objects.map(({ metadata }) => metadata?.name));
        pageToken = page.nextPageToken;
        if (pageToken === '') break;
      }
      expect(paged).toEqual(['alpha', 'default', 'omega']);
    });

    test('and lets it be changed as it was shown, stored, and deleted again', async () => {
      const { object } = await client.objects.get({ ref });
      const edited = { metadata: object?.metadata ?? null, serviceAccount: { imagePullSecrets: ['pull'] } };
      expect((await client.objects.apply({ object: edited })).outcome).toBe('CREATED');
      expect((await client.objects.get({ ref })).object?.serviceAccount?.imagePullSecrets).toEqual(['pull']);
      expect(await names()).toEqual(['alpha', 'default', 'omega']);
      // Somebody who read it before that does not overwrite it unseen.
      expect((await rejectionOf(client.objects.apply({ object: edited }))).code).toBe('already-exists');
      await client.objects.delete({ ref });
      expect((await client.objects.get({ ref })).object?.metadata?.uid).toBe(object?.metadata?.uid);
      expect(await rejectionOf(client.objects.delete({ ref }))).toMatchObject({
        code: 'not-found',
        message: 'ServiceAccount shown/default is not stored; every namespace has it',
      });
    });

    test('but no other account, and none where all namespaces are listed', async () => {
      const other = client.objects.get({ ref: { ...ref, name: 'other' } });
      expect((await rejectionOf(other)).code).toBe('not-found');
      const all = await client.objects.list({ kind: 'ServiceAccount' });
      expect(all.objects.map(({ metadata }) => metadata?.name)).not.toContain('default');
    });
  });

  test('a token Secret has its token, without the client waiting for a file or a flag', async () => {
    const annotations = { [NAME]: 'robot' };
    await client.objects.apply({ object: { metadata: { name: 'robot-token', annotations }, secret: { type: TYPE } } });
    const { payload } = await verify((await filled(client, 'robot-token')).token ?? '', await keysOf(client));
    expect(payload.sub).toBe('system:serviceaccount:default:robot');
    expect(payload).not.toHaveProperty('exp');
  });
});

test('a token in a volume verifies by the file of public keys, for its pod and nobody else', async () => {
  await using harness = await DaemonHarness.start({ tokenIssuer: ISSUER });
  const source = { projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 'token' } }] } };
  const pod = { name: 'web-0', uid: 'uid-of-web-0', serviceAccountName: 'default' };
  const targetPath = harness.target('t');
  await harness.client.projector.mount({ volumeId: 'v', definition: { source }, pod, targetPath });
  const token = readFileSync(join(targetPath, 'token'), 'utf8');
  const { payload } = await verify(token, readFileSync(join(harness.runDirectory, 'jwks.json'), 'utf8'));
  expect(payload).toMatchObject({ aud: ['vault'], 'kubernetes.io': { pod: { name: 'web-0', uid: 'uid-of-web-0' } } });
});

test('the keys outlive the daemon: tokens from before a restart verify', async () => {
  await using harness = await DaemonHarness.start({ tokenIssuer: ISSUER });
  const { token } = await harness.client.tokens.create({});
  await harness.client.tokens.rotateKey({});
  const before = await keysOf(harness.client);
  await harness.restart();
  expect(await keysOf(harness.client)).toBe(before);
  await verify(token, before);
});

test('invariant 11: no byte of a private key is in a log line or in a file', async () => {
  await using harness = await DaemonHarness.start({ tokenIssuer: ISSUER });
  const planted: string[] = [];
  for (let turn = 0; turn < 2; turn++) {
    const { signing } = await signingKeys(harness.client);
    planted.push(signing.d, (await harness.client.tokens.create({})).token);
    await harness.client.tokens.rotateKey({});
  }
  const annotations = { [NAME]: 'default' };
  await harness.client.objects.apply({
    object: { metadata: { name: 'lasting', annotations }, secret: { type: TYPE } },
  });
  planted.push((await filled(harness.client, 'lasting')).token ?? '');
  await rejectionOf(harness.client.tokens.create({ expirationSeconds: 1 }));
  await harness.restart();
  const files = filesBelow(harness.directory.path);
  expect(files.some((path) => statSync(path).size > 0 && path.includes('/data/db/'))).toBe(true);
  for (const secret of planted) {
    expect(secret.length).toBeGreaterThan(40);
    expect(harness.logLines.filter((line) => line.includes(secret))).toEqual([]);
    expect(files.filter((path) => readFileSync(path).includes(secret))).toEqual([]);
  }
  expect(harness.logLines.join('\n')).toContain('default/lasting');
});

test('a token Secret in a directory of manifests is filled, and again when its file changes', async () => {
  using manifests = new TempDir();
  const manifest = (extra: string) =>
    `apiVersion: v1\nkind: Secret\nmetadata: {name: lasting, annotations: {${NAME}: robot}}\ntype: ${TYPE}\nstringData: {extra: ${extra}}\n`;
  writeFileSync(manifests.at('secret.yaml'), manifest('one'));
  writeFileSync(manifests.at('zz-account.yaml'), 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot}\n');
  await using harness = await DaemonHarness.start({ tokenIssuer: ISSUER, store: 'memory', manifests: manifests.path });
  const { client } = harness;
  const first = await filled(client, 'lasting');
  writeFileSync(manifests.at('secret.yaml'), manifest('two'));
  const second = await filled(client, 'lasting', first.token);
  expect([first.extra, second.extra]).toEqual(['one', 'two']);
  for (const { token = '' } of [first, second]) await verify(token, await keysOf(client));
});

test('a key set file that cannot be written does not stop the daemon', async () => {
  await using harness = await DaemonHarness.start({ tokenIssuer: ISSUER, jwksFile: '/proc/nowhere/jwks.json' });
  expect(harness.logLines.join('\n')).toContain('write the public keys to \\"/proc/nowhere/jwks.json\\"');
  await verify((await harness.client.tokens.create({})).token, await keysOf(harness.client));
});

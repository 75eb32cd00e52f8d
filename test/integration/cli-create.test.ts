import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Authority } from '../support/host/certificates.ts';
import { CommandLine, type Outcome } from '../support/suite/command-line.ts';

const VALUE = 'pl4nted-v4lue';
const ENCODED = Buffer.from(VALUE).toString('base64');

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

const create = (...args: readonly string[]): Promise<Outcome> => shell.run('create', ...args);

/** The stored object as its manifest. */
async function stored(object: string): Promise<{ data: Record<string, string>; type: string }> {
  return parse(await shell.output('get', object, '-o', 'yaml'));
}

describe('create secret', () => {
  test('generic, from files and literals, and then it exists', async () => {
    const file = shell.file('password.txt', VALUE);
    const args = ['secret', 'generic', 'db', `--from-file=${file}`, '--from-literal=equation=a=b', '--type=mine'];
    expect(await create(...args)).toEqual({ code: 0, stdout: 'secret/db created\n', stderr: '' });
    expect(await stored('secret/db')).toMatchObject({
      type: 'mine',
      data: { 'password.txt': ENCODED, equation: Buffer.from('a=b').toString('base64') },
    });
    const again = await create(...args);
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toMatch(/^lantern: create Secret default\/db: it exists already.*\n$/);
  });

  test('a value through stdin', async () => {
    const args = [
      'create',
      'secret',
      'generic',
      'piped',
      '-n',
      'other',
      '--from-file=password=/dev/stdin',
      '-o',
      'name',
    ];
    expect(await shell.runWithInput(VALUE, ...args)).toEqual({ code: 0, stdout: 'secret/piped\n', stderr: '' });
    expect(await shell.output('get', 'secret', 'piped', '-n', 'other', '-o', 'json')).toContain(ENCODED);
  });

  test('tls, with a pair that belongs together', async () => {
    const authority = new Authority('ca');
    const [one, two] = [authority.issue('one'), authority.issue('two')];
    const cert = shell.file('tls.crt', `${one.cert}${authority.cert}`);
    const key = shell.file('tls.key', one.key);
    expect(await create('secret', 'tls', 'web', '--cert', cert, '--key', key)).toMatchObject({ code: 0 });
    expect(await stored('secret/web')).toMatchObject({
      type: 'kubernetes.io/tls',
      data: { 'tls.key': Buffer.from(one.key).toString('base64') },
    });
    const foreign = await create('secret', 'tls', 'bad', '--cert', cert, '--key', shell.file('other.key', two.key));
    expect(foreign).toMatchObject({ code: 1, stdout: '' });
    expect(foreign.stderr).toContain('the key does not belong to the certificate');
  });

  test('docker-registry, from credentials or a file', async () => {
    const login = ['--docker-server=r.example', '--docker-username=me', '--docker-password=-'];
    const args = ['create', 'secret', 'docker-registry', 'pull', ...login];
    expect(await shell.runWithInput(`${VALUE}\n`, ...args)).toMatchObject({ code: 0, stderr: '' });
    const { type, data } = await stored('secret/pull');
    const config = Buffer.from(data['.dockerconfigjson'] ?? '', 'base64').toString();
    expect(type).toBe('kubernetes.io/dockerconfigjson');
    expect(JSON.parse(config)).toEqual({
      auths: {
        'r.example': { username: 'me', password: VALUE, auth: Buffer.from(`me:${VALUE}`).toString('base64') },
      },
    });
    const file = shell.file('config.json', config);
    expect(await create('secret', 'docker-registry', 'copy', `--from-file=${file}`)).toMatchObject({ code: 0 });
    expect((await stored('secret/copy')).data).toEqual(data);
  });

  test('--append-hash is the suffix of kubectl', async () => {
    expect((await create('secret', 'generic', 'foo', '--append-hash')).stdout).toBe('secret/foo-949tdgdkgg created\n');
    expect((await create('cm', 'foo', '--append-hash')).stdout).toBe('configmap/foo-867km9574f created\n');
  });

  test('a dry run shows the manifest, stores nothing, and for the client needs no daemon', async () => {
    const args = ['secret', 'generic', 'dry', `--from-literal=k=${VALUE}`, '--dry-run=client'];
    const yaml = (await create(...args, '-o', 'yaml', '--socket', '/no/such/socket')).stdout;
    expect(parse(yaml)).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'dry' },
      type: 'Opaque',
      data: { k: ENCODED },
    });
    expect((await create('cm', 'dry', '--dry-run=server')).stdout).toBe('configmap/dry created (server dry run)\n');
    expect(await shell.run('get', 'secret/dry', 'cm/dry')).toMatchObject({ code: 1, stdout: '' });
    expect(await shell.runWithInput(yaml, 'apply', '-f', '-')).toMatchObject({ stdout: 'secret/dry created\n' });
  });

  test('what is wrong with the object is said before anything is stored, and shows no value', async () => {
    const { code, stderr } = await create('secret', 'generic', 'Bad_Name', `--from-literal=../k=${VALUE}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^lantern: key "\.\.\/k": /);
    expect(stderr).not.toContain(VALUE);
  });
});

test('create configmap: text is data, the rest binaryData', async () => {
  const settings = shell.file('settings.env', '# comment\nCOLOUR=blue\n\n  SIZE=a = b\n');
  expect((await create('configmap', 'settings', `--from-env-file=${settings}`)).stdout).toBe(
    'configmap/settings created\n',
  );
  expect(await stored('cm/settings')).toMatchObject({ data: { COLOUR: 'blue', SIZE: 'a = b' } });
  const args = ['configmap', 'mixed', '--from-literal=t=ü', '--from-file=b=/bin/sh', '--dry-run', '-o', 'json'];
  const { data, binaryData } = JSON.parse((await create(...args)).stdout);
  expect({ data, keys: Object.keys(binaryData) }).toEqual({ data: { t: 'ü' }, keys: ['b'] });
});

test('create serviceaccount: an empty one, once', async () => {
  const args = ['sa', 'builder', '-n', 'accounts'];
  const yaml = (await create(...args, '--dry-run=client', '-o', 'yaml', '--socket', '/no/such/socket')).stdout;
  const metadata = { name: 'builder', namespace: 'accounts' };
  expect(parse(yaml)).toEqual({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  expect(await shell.run('get', 'sa/builder', '-n', 'accounts')).toMatchObject({ code: 1 });
  expect(await create(...args)).toEqual({ code: 0, stdout: 'serviceaccount/builder created\n', stderr: '' });
  expect(parse(await shell.output('get', 'sa/builder', '-n', 'accounts', '-o', 'yaml'))).toMatchObject({ metadata });
  expect((await create(...args)).stderr).toMatch(/ServiceAccount accounts\/builder: it exists already/);
});

describe('describe', () => {
  test('a Secret by its sizes, in the shape of kubectl', async () => {
    await create('secret', 'generic', 'shown', `--from-literal=username=admin`, `--from-literal=pw=${VALUE}`);
    const head = 'Namespace:    default\nLabels:       <none>\nAnnotations:  <none>\n';
    expect(await shell.output('describe', 'secrets/shown')).toBe(
      `Name:         shown\n${head}\nType:  Opaque\n\nData\n====\npw:        13 bytes\nusername:  5 bytes\n`,
    );
  });

  test('several kinds at once: an account with its tokens, and a spec as YAML', async () => {
    const manifests = [
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: builder}\nimagePullSecrets: [{name: pull-me}]',
      'apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata: {name: token, annotations: {kubernetes.io/service-account.name: builder}}',
      'apiVersion: lantern.dev/v1\nkind: ProjectedVolume\nmetadata: {name: all}\nspec: {secret: {secretName: db}}',
    ];
    const applied = await shell.runWithInput(manifests.join('\n---\n'), 'apply', '-n', 'several', '-f', '-');
    expect(applied).toMatchObject({ code: 0 });
    const text = await shell.output('describe', 'projectedvolume,sa', '-n', 'several');
    expect(text).toMatch(/^Name: {9}all\n[\s\S]*\nSpec:\n {2}secret:\n {4}secretName: db\n\n\n/);
    expect(text).toMatch(/\n\n\nName: {16}builder\nNamespace: {11}several\n/);
    expect(text).toMatch(/\nImage pull secrets: {2}pull-me \(not found\)\nMountable secrets: {3}<none>\n/);
    // The account of Kubernetes' own name is there in every namespace.
    expect(text).toMatch(/\nName: {16}default\n/);
    await expect.poll(() => shell.output('describe', 'sa/builder', '-n', 'several')).toMatch(/\nTokens: {14}token\n/);
  });

  test('the credentials of a unit', async () => {
    const spec =
      'spec: {units: [a.service, "b@*.service"], credentials: [{name: db, secretKeyRef: {name: s, key: pw}}, ' +
      '{name: motd, configMapKeyRef: {name: c, key: k, optional: true}}]}';
    const manifest = `apiVersion: lantern.dev/v1\nkind: UnitCredentials\nmetadata: {name: app}\n${spec}`;
    expect(await shell.runWithInput(manifest, 'apply', '-f', '-')).toMatchObject({
      code: 0,
      stdout: 'unitcredentials/app created\n',
    });
    expect(await shell.output('describe', 'unitcredentials/app')).toBe(
      'Name:         app\nNamespace:    default\nLabels:       <none>\nAnnotations:  <none>\n' +
        'Units:        a.service\n              b@*.service\n' +
        'Credentials:\n  db:    secret/s, key pw\n  motd:  configmap/c, key k (optional)\n\nEvents:  <none>\n',
    );
  });

  test('objects that are not there keep no other out', async () => {
    await create('configmap', 'c', '--from-literal=k=v', '-n', 'd');
    const { code, stdout, stderr } = await shell.run('describe', 'cm', 'none', 'c', '-n', 'd');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Name: {9}c\n[\s\S]*\nData\n====\nk:\n----\nv\n/);
    expect(stderr).toMatch(/^lantern: .*none.*\n$/);
    expect(await shell.run('describe', 'secrets', '-n', 'd')).toMatchObject({
      code: 0,
      stderr: 'No resources found in d namespace.\n',
    });
  });
});

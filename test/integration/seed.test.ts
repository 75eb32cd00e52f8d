// The examples of the Kubernetes 1.15 page on Secrets, with `lantern` for `kubectl`: each test is named after its
// section.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MYSECRET } from '../support/objects/seed-manifests.ts';
import { CommandLine, endOf } from '../support/suite/command-line.ts';

let shell: CommandLine;

beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

/** Mounts the volume at a target of that name; the target. */
async function mounted(name: string, volume: string, ...flags: readonly string[]): Promise<string> {
  const target = shell.target(name);
  await shell.output('mount', '-f', shell.file(`${name}.yaml`, volume), target, ...flags);
  return target;
}

async function applyMysecret(): Promise<void> {
  await shell.output('apply', '-f', shell.file('secret.yaml', MYSECRET));
}

function modeOf(path: string): string {
  return `0${(statSync(path).mode & 0o777).toString(8)}`;
}

test('Creating a Secret Using kubectl create secret', async () => {
  const username = shell.file('username.txt', 'admin');
  const password = shell.file('password.txt', '1f2d1e2e67df');
  const create = ['create', 'secret', 'generic', 'db-user-pass', `--from-file=${username}`, `--from-file=${password}`];
  expect(await shell.output(...create)).toBe('secret/db-user-pass created\n');
  expect(await shell.output('get', 'secrets')).toMatch(/^NAME +TYPE +DATA +AGE\ndb-user-pass +Opaque +2 +\d+s\n$/);
  const description = await shell.output('describe', 'secrets/db-user-pass');
  expect(description.replaceAll(/: +/g, ': ').trimEnd().split('\n')).toEqual([
    'Name: db-user-pass',
    'Namespace: default',
    'Labels: <none>',
    'Annotations: <none>',
    '',
    'Type: Opaque',
    '',
    'Data',
    '====',
    'password.txt: 12 bytes',
    'username.txt: 5 bytes',
  ]);
});

test('Creating a Secret Manually', async () => {
  expect(await shell.output('apply', '-f', shell.file('secret.yaml', MYSECRET))).toBe('secret/mysecret created\n');
  const templated = `apiVersion: v1
kind: Secret
metadata:
  name: templated
type: Opaque
stringData:
  config.yaml: |-
    apiUrl: "https://my.api.com/api/v1"
    username: {{username}}
    password: {{password}}
`;
  await shell.output('apply', '-f', shell.file('templated.yaml', templated));
  const stored = JSON.parse(await shell.output('get', 'secret', 'templated', '-o', 'json'));
  expect(stored.stringData).toBeUndefined();
  expect(stored.data['config.yaml']).toBe(
    'YXBpVXJsOiAiaHR0cHM6Ly9teS5hcGkuY29tL2FwaS92MSIKdXNlcm5hbWU6IHt7dXNlcm5hbWV9fQpwYXNzd29yZDoge3twYXNzd29yZH19',
  );
  const both = `apiVersion: v1
kind: Secret
metadata:
  name: both
type: Opaque
data:
  username: YWRtaW4=
stringData:
  username: administrator
`;
  await shell.output('apply', '-f', shell.file('both.yaml', both));
  expect(JSON.parse(await shell.output('get', 'secret', 'both', '-o', 'json')).data).toEqual({
    username: 'YWRtaW5pc3RyYXRvcg==',
  });
});

test('Decoding a Secret', async () => {
  await applyMysecret();
  const yaml = await shell.output('get', 'secret', 'mysecret', '-o', 'yaml');
  expect(yaml).toContain('  password: MWYyZDFlMmU2N2Rm\n');
  expect(Buffer.from('MWYyZDFlMmU2N2Rm', 'base64').toString()).toBe('1f2d1e2e67df');
});

test('Using Secrets as Files from a Pod', async () => {
  await applyMysecret();
  const target = await mounted('foo', 'name: foo\nsecret:\n  secretName: mysecret\n');
  expect(readdirSync(target).filter((name) => !name.startsWith('..'))).toEqual(['password', 'username']);
  expect(readFileSync(`${target}/username`, 'utf8')).toBe('admin');
  expect(readFileSync(`${target}/password`, 'utf8')).toBe('1f2d1e2e67df');
  expect(modeOf(`${target}/password`)).toBe('0644');
});

test('Projection of secret keys to specific paths', async () => {
  await applyMysecret();
  const items = '  items:\n  - key: username\n    path: my-group/my-username\n';
  const target = await mounted('projected', `name: foo\nsecret:\n  secretName: mysecret\n${items}`);
  expect(readFileSync(`${target}/my-group/my-username`, 'utf8')).toBe('admin');
  expect(readdirSync(target).filter((name) => !name.startsWith('..'))).toEqual(['my-group']);
  const missing = 'secret:\n  secretName: mysecret\n  items:\n  - {key: no-such, path: a}\n';
  const refused = await shell.run('mount', '-f', shell.file('missing.yaml', missing), shell.target('missing'));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('references non-existent secret key: no-such');
  expect(readdirSync(shell.at('targets'))).not.toContain('missing');
});

test('Secret files permissions', async () => {
  await applyMysecret();
  const whole = (name: string, mode: string) =>
    mounted(name, `secret:\n  secretName: mysecret\n  defaultMode: ${mode}\n`);
  expect(modeOf(`${await whole('decimal', '256')}/password`)).toBe('0400');
  expect(modeOf(`${await whole('octal', '0400')}/password`)).toBe('0400');
  const items = '  items:\n  - key: username\n    path: my-group/my-username\n    mode: 511\n';
  const target = await mounted('item-mode', `secret:\n  secretName: mysecret\n${items}`);
  expect(modeOf(`${target}/my-group/my-username`)).toBe('0777');
});

test('Mounted Secrets are updated automatically, and a subPath mount is not', async () => {
  await applyMysecret();
  const whole = await mounted('whole', 'secret:\n  secretName: mysecret\n');
  const pinned = await mounted('pinned', 'secret:\n  secretName: mysecret\n', '--sub-path', 'password');
  const watch = shell.start('watch', whole, '--existing', '-o', 'json');
  if (watch.stdout === null) throw new Error('stdout is missing');
  const events = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
  expect((await events.next()).value).toContain('MOUNTED');
  await shell.output('apply', '-f', shell.file('secret.yaml', MYSECRET.replace('MWYyZDFlMmU2N2Rm', 'bmV3')));
  expect((await events.next()).value).toContain('UPDATED');
  expect(await endOf(watch, 'SIGINT')).not.toBe(1);
  expect(readFileSync(`${whole}/password`, 'utf8')).toBe('new');
  expect(readFileSync(pinned, 'utf8')).toBe('1f2d1e2e67df');
});

test('Use-Case: Pod with ssh keys', async () => {
  const [key, pub] = [shell.file('id_rsa', 'PRIVATE'), shell.file('id_rsa.pub', 'PUBLIC')];
  const files = [`--from-file=ssh-privatekey=${key}`, `--from-file=ssh-publickey=${pub}`];
  await shell.output('create', 'secret', 'generic', 'ssh-key-secret', ...files);
  const target = await mounted('ssh', 'name: secret-volume\nsecret:\n  secretName: ssh-key-secret\n');
  expect(readFileSync(`${target}/ssh-publickey`, 'utf8')).toBe('PUBLIC');
  expect(readFileSync(`${target}/ssh-privatekey`, 'utf8')).toBe('PRIVATE');
});

test('Use-case: Dotfiles in secret volume', async () => {
  const dotfile = `apiVersion: v1
kind: Secret
metadata:
  name: dotfile-secret
data:
  .secret-file: dmFsdWUtMg0KDQo=
`;
  const applied = await shell.output('apply', '-f', shell.file('dotfile.yaml', dotfile));
  expect(applied).toBe('secret/dotfile-secret created\n');
  const target = await mounted('dotfiles', 'secret:\n  secretName: dotfile-secret\n');
  expect(readFileSync(`${target}/.secret-file`, 'utf8')).toBe('value-2\r\n\r\n');
});

test('Restrictions: individual secrets are limited to 1 MiB, and are per namespace', async () => {
  const large = shell.file('large', 'x'.repeat(1024 * 1024 + 1));
  const refused = await shell.run('create', 'secret', 'generic', 'large', `--from-file=${large}`);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('data: Too long: may not be more than 1048576 bytes');
  await applyMysecret();
  const elsewhere = await shell.run('mount', '-n', 'other', '--secret', 'mysecret', shell.target('elsewhere'));
  expect(elsewhere.stderr).toContain('Secret other/mysecret does not exist');
});

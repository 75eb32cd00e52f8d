// The examples of the Kubernetes 1.15 page on Secrets that are about Pods: each test is named after its section.
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  DOTFILES,
  MYSECRET,
  mypod,
  PROD_AND_TEST_PODS,
  SECRET_ENV_POD,
  SERVICE_ACCOUNT_POD,
  SSH_POD,
} from '../support/objects/seed-manifests.ts';
import { CommandLine, endOf } from '../support/suite/command-line.ts';

let shell: CommandLine;

beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
  await shell.output('apply', '-f', shell.file('secret.yaml', MYSECRET));
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

/** Mounts the pods of the manifest below a root of that name; the root. */
async function mountPods(name: string, manifest: string, ...flags: readonly string[]): Promise<string> {
  const root = shell.target(name);
  await shell.output('pod', 'mount', '-f', shell.file(`${name}.yaml`, manifest), root, ...flags);
  return root;
}

function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory).filter((name) => !name.startsWith('..'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('Built-in Secrets: Service Accounts Automatically Create and Attach Secrets with API Credentials', async () => {
  const root = await mountPods('automatic', mypod());
  const directory = join(root, 'mypod/var/run/secrets/kubernetes.io/serviceaccount');
  expect(readFileSync(join(directory, 'namespace'), 'utf8')).toBe('default');
  expect(decodeJwt(readFileSync(join(directory, 'token'), 'utf8')).sub).toBe('system:serviceaccount:default:default');

  const disabled = mypod().replace('spec:\n', 'spec:\n  automountServiceAccountToken: false\n');
  const without = await mountPods('not-automatic', disabled.replace('name: mypod\nspec', 'name: other\nspec'));
  expect(readdirSync(join(without, 'mypod'))).toEqual(['etc']);
});

test('Using Secrets as Files from a Pod', async () => {
  const root = await mountPods('mypod', mypod());
  expect(filesIn(join(root, 'mypod/etc/foo'))).toEqual({ password: '1f2d1e2e67df', username: 'admin' });
  await shell.output('pod', 'unmount', 'mypod', root);
  expect(existsSync(root)).toBe(false);
});

test('Projection of secret keys to specific paths', async () => {
  const items = '      items:\n      - key: username\n        path: my-group/my-username\n';
  const root = await mountPods('projection', mypod(items));
  expect(filesIn(join(root, 'mypod/etc/foo/my-group'))).toEqual({ 'my-username': 'admin' });
  expect(existsSync(join(root, 'mypod/etc/foo/password'))).toBe(false);

  const missing = shell.file('missing-key.yaml', mypod(items.replace('key: username', 'key: no-such')));
  const refused = await shell.run('pod', 'mount', '-f', missing, shell.target('missing-key'), '--wait', '0s');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('references non-existent secret key: no-such');
  expect(existsSync(shell.target('missing-key'))).toBe(false);
});

test('Secret files permissions', async () => {
  const decimal = await mountPods('decimal', mypod('      defaultMode: 256\n'));
  expect(modeOf(join(decimal, 'mypod/etc/foo/password'))).toBe(0o400);
  const octal = await mountPods('octal', mypod('      defaultMode: 0400\n'));
  expect(modeOf(join(octal, 'mypod/etc/foo/password'))).toBe(0o400);
  const items = '      items:\n      - key: username\n        path: my-group/my-username\n        mode: 511\n';
  const item = await mountPods('item-mode', mypod(items));
  expect(modeOf(join(item, 'mypod/etc/foo/my-group/my-username'))).toBe(0o777);
});

test('Consuming Secret Values from Volumes', async () => {
  const pod = shell.file('exec.yaml', mypod());
  const script = 'ls "$LANTERN_ROOT/etc/foo/" && cat "$LANTERN_ROOT/etc/foo/username" "$LANTERN_ROOT/etc/foo/password"';
  expect(await shell.output('exec', '-f', pod, '--', 'sh', '-c', script)).toBe('password\nusername\nadmin1f2d1e2e67df');
});

test('Using Secrets as Environment Variables', async () => {
  const pod = shell.file('secret-env-pod.yaml', SECRET_ENV_POD);
  const echo = ['sh', '-c', 'echo $SECRET_USERNAME; echo $SECRET_PASSWORD'];
  expect(await shell.output('exec', '-f', pod, '--', ...echo)).toBe('admin\n1f2d1e2e67df\n');
});

test('Arranging for imagePullSecrets to be Automatically Attached', async () => {
  const registry = ['--docker-server=registry.example.com', '--docker-username=puller'];
  const create = ['create', 'secret', 'docker-registry', 'pull', ...registry, '--docker-password=-'];
  expect((await shell.runWithInput('w0rd', ...create)).stdout).toBe('secret/pull created\n');
  const account = `apiVersion: v1
kind: ServiceAccount
metadata:
  name: builder
imagePullSecrets:
- name: pull
`;
  await shell.output('apply', '-f', shell.file('account.yaml', account));
  const pod = SERVICE_ACCOUNT_POD.replace('prod-db-client\n  c', 'builder\n  c').replace(
    'myClientImage',
    'registry.example.com/team/app',
  );
  const root = shell.target('pull');
  const mounted = await shell.output('pod', 'mount', '-f', shell.file('pull.yaml', pod), root, '-o', 'json');
  expect(mounted).not.toContain('w0rd');
  const auth = await shell.output('registry-auth', '--service-account', 'builder', 'registry.example.com/team/app');
  expect(Buffer.from(JSON.parse(auth).auths['registry.example.com'].auth, 'base64').toString()).toBe('puller:w0rd');
});

test('Restrictions: invalid names from envFrom are skipped, and an event says so', async () => {
  const secret = MYSECRET.replace('name: mysecret', 'name: badkeys').replace(
    /^data:\n/m,
    'data:\n  1badkey: YQ==\n  2alsobad: Yg==\n',
  );
  await shell.output('apply', '-f', shell.file('badkeys.yaml', secret));
  const pod = `apiVersion: v1
kind: Pod
metadata:
  name: dapi-test-pod
spec:
  containers:
  - name: test-container
    image: k8s.gcr.io/busybox
    envFrom:
    - secretRef:
        name: badkeys
`;
  const echo = ['sh', '-c', 'echo $username'];
  expect(await shell.output('exec', '-f', shell.file('dapi.yaml', pod), '--', ...echo)).toBe('admin\n');
  expect(await shell.output('get', 'events')).toMatch(
    /Warning +InvalidEnvironmentVariableNames +pod\/dapi-test-pod +Keys \[1badkey, 2alsobad\] from the EnvFrom secret default\/badkeys were skipped since they are considered invalid environment variable names\./,
  );
});

test('Secret and Pod Lifetime interaction: what is missing is waited for, an event says so, and the mount completes', async () => {
  const watch = shell.start('events', '--watch');
  if (watch.stdout === null) throw new Error('stdout is missing');
  const pod = shell.file(
    'late.yaml',
    mypod().replace('secretName: mysecret', 'secretName: late').replace('name: mypod', 'name: late'),
  );
  const root = shell.target('late');
  const mounting = shell.output('pod', 'mount', '-f', pod, root);
  for await (const line of createInterface({ input: watch.stdout })) {
    if (line.includes('FailedMount') && line.includes('Secret default/late does not exist')) break;
  }
  await endOf(watch, 'SIGINT');
  expect(existsSync(join(root, 'mypod/etc/foo/username'))).toBe(false);
  await shell.output('apply', '-f', shell.file('late-secret.yaml', MYSECRET.replace('mysecret', 'late')));
  await mounting;
  expect(filesIn(join(root, 'mypod/etc/foo'))).toEqual({ password: '1f2d1e2e67df', username: 'admin' });
});

test('Use-Case: Pod with ssh keys', async () => {
  const files = ['ssh-privatekey', 'ssh-publickey'].map((key) => `--from-file=${key}=${shell.file(key, `the ${key}`)}`);
  await shell.output('create', 'secret', 'generic', 'ssh-key-secret', ...files);
  const root = await mountPods('ssh', SSH_POD);
  expect(filesIn(join(root, 'ssh-test-container/etc/secret-volume'))).toEqual({
    'ssh-privatekey': 'the ssh-privatekey',
    'ssh-publickey': 'the ssh-publickey',
  });
});

test('Use-Case: Pods with prod / test credentials', async () => {
  const credentials = { prod: ['produser', 'Y4nys7f11'], test: ['testuser', 'iluvtests'] };
  for (const [stage, [username, password]] of Object.entries(credentials)) {
    const literals = [`--from-literal=username=${username}`, `--from-literal=password=${password}`];
    await shell.output('create', 'secret', 'generic', `${stage}-db-secret`, ...literals);
  }
  const directory = shell.directory('kustomization');
  shell.file('kustomization/pod.yaml', PROD_AND_TEST_PODS);
  shell.file(
    'kustomization/kustomization.yaml',
    'secretGenerator:\n- name: more\n  literals: [a=b]\nresources:\n- pod.yaml\n',
  );
  expect(await shell.output('apply', '-k', directory)).toMatch(/^secret\/more-[a-z0-9]{10} created\n$/);
  const root = shell.directory('targets/stages');
  await shell.output('pod', 'mount', '-f', join(directory, 'pod.yaml'), root);
  for (const [stage, [username, password]] of Object.entries(credentials)) {
    const mounted = join(root, `${stage}-db-client-pod/db-client-container/etc/secret-volume`);
    expect(filesIn(mounted)).toEqual({ username, password });
  }
  expect(await shell.output('pod', 'status')).toMatch(/^(?:.*\n)*prod-db-client-pod .*\n(?:.*\n)*test-db-client-pod /);

  const account =
    'apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: prod-db-client\nsecrets:\n- name: prod-db-secret\n';
  await shell.output('apply', '-f', shell.file('prod-account.yaml', account));
  const short = await mountPods('short', SERVICE_ACCOUNT_POD);
  const token = join(short, 'db-client-container/var/run/secrets/kubernetes.io/serviceaccount/token');
  expect(decodeJwt(readFileSync(token, 'utf8')).sub).toBe('system:serviceaccount:default:prod-db-client');
});

test('Use-case: Dotfiles in secret volume', async () => {
  const manifest = shell.file('dotfiles.yaml', DOTFILES);
  const applied = await shell.run('apply', '-f', manifest);
  expect(applied).toMatchObject({ code: 0, stdout: 'secret/dotfile-secret created\n' });
  expect(applied.stderr).toContain('pod/secret-dotfiles-pod');
  const root = await mountPods('dotfiles-pod', DOTFILES);
  const directory = join(root, 'dotfile-test-container/etc/secret-volume');
  expect(filesIn(directory)).toEqual({ '.secret-file': 'value-2\r\n\r\n' });
  const pod = DOTFILES.slice(DOTFILES.indexOf('---\n') + 4);
  const list = ['sh', '-c', 'ls "$LANTERN_ROOT/etc/secret-volume"; ls -A "$LANTERN_ROOT/etc/secret-volume"'];
  const listed = await shell.output('exec', '-f', shell.file('only-pod.yaml', pod), '--', ...list);
  expect(listed.split('\n').filter((name) => !name.startsWith('..'))).toEqual(['.secret-file', '']);
});

test('Use-case: Secret visible to one container in a pod', async () => {
  const pod = `apiVersion: v1
kind: Pod
metadata:
  name: signing
spec:
  automountServiceAccountToken: false
  volumes:
  - name: key
    secret:
      secretName: mysecret
  containers:
  - name: frontend
    image: frontend
  - name: signer
    image: signer
    volumeMounts:
    - name: key
      mountPath: /etc/key
      readOnly: true
`;
  const root = await mountPods('signing', pod);
  expect(readdirSync(root)).toEqual(['signer']);
  expect(lstatSync(join(root, 'signer/etc/key')).isDirectory()).toBe(true);
  expect(filesIn(join(root, 'signer/etc/key'))).toEqual({ password: '1f2d1e2e67df', username: 'admin' });
});

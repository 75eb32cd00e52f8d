import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CommandLine } from '../support/suite/command-line.ts';

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

/** A directory with these files; links leave it. */
function directory(name: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(shell.at(name));
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(shell.at(name, dirname(path)), { recursive: true });
    shell.file(`${name}/${path}`, contents);
  }
  return shell.at(name);
}

describe('Creating a Secret from Generator', () => {
  test('files, with the suffix of then, twice, and what is stored; then it is deleted', async () => {
    const at = directory('from-files', {
      'username.txt': 'admin',
      'password.txt': '1f2d1e2e67df',
      'kustomization.yaml': 'secretGenerator:\n- name: db-user-pass\n  files:\n  - username.txt\n  - password.txt\n',
    });
    const args = ['-k', at, '--suffix-hash', 'legacy'];
    const answer = (outcome: string) => `secret/db-user-pass-96mffmfh4k ${outcome}\n`;
    expect(await shell.output('apply', ...args)).toBe(answer('created'));
    expect(await shell.output('apply', ...args)).toBe(answer('unchanged'));
    expect(await shell.output('describe', 'secret/db-user-pass-96mffmfh4k')).toContain('password.txt:  12 bytes');
    expect(await shell.output('delete', ...args)).toBe('secret "db-user-pass-96mffmfh4k" deleted\n');
  });

  test('literals, and a new Secret each time the contents change', async () => {
    const text = (password: string) =>
      `secretGenerator:\n- name: db-user-pass\n  literals:\n  - username=admin\n  - password=${password}\n`;
    const at = directory('from-literals', { 'kustomization.yaml': text('secret') });
    expect(await shell.output('apply', '-k', at, '--suffix-hash', 'legacy')).toBe(
      'secret/db-user-pass-dddghtt9b5 created\n',
    );
    const today = await shell.output('apply', '-k', at, '-o', 'name');
    shell.file('from-literals/kustomization.yaml', text('other'));
    const changed = await shell.output('apply', '-k', at, '-o', 'name');
    expect(today).toMatch(/^secret\/db-user-pass-[a-z0-9]{10}\n$/);
    expect(new Set([today, changed, 'secret/db-user-pass-dddghtt9b5\n']).size).toBe(3);
  });
});

test('Pods with prod / test credentials: the Secrets are stored, the Pods are told about', async () => {
  const pod = (name: string) =>
    `- kind: Pod\n  apiVersion: v1\n  metadata:\n    name: ${name}-db-client-pod\n  spec:\n    volumes:\n` +
    `    - name: secret-volume\n      secret:\n        secretName: ${name}-db-secret\n`;
  const generator = (name: string) => `- name: ${name}-db-secret\n  literals:\n  - username=${name}user\n`;
  const at = directory('pods', {
    'kustomization.yaml': `secretGenerator:\n${generator('prod')}${generator('test')}resources:\n- pod.yaml\n`,
    'pod.yaml': `apiVersion: v1\nkind: List\nitems:\n${pod('prod')}${pod('test')}`,
  });
  const { code, stdout, stderr } = await shell.run('apply', '-k', at);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^secret\/prod-db-secret-\w{10} created\nsecret\/test-db-secret-\w{10} created\n$/);
  expect(stderr).toBe(
    'lantern: pod/prod-db-client-pod skipped: Pods are not stored, only the objects they use\n' +
      'lantern: pod/test-db-client-pod skipped: Pods are not stored, only the objects they use\n',
  );
});

test('a service account refers to the generated name', async () => {
  const at = directory('account', {
    'kustomization.yaml':
      'namespace: team\nresources: [account.yaml]\nsecretGenerator:\n- name: pull\n  literals: [a=b]\n',
    'account.yaml':
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: builder}\nimagePullSecrets: [{name: pull}]\n',
  });
  const [secret = ''] = (await shell.output('apply', '-k', at, '-o', 'name')).split('\n');
  expect(parse(await shell.output('get', 'sa/builder', '-n', 'team', '-o', 'yaml'))).toMatchObject({
    imagePullSecrets: [{ name: secret.slice('secret/'.length) }],
  });
});

describe('refused, and nothing is stored', () => {
  test.each([
    { why: 'a path that leaves the directory', path: '../planted.txt' },
    { why: 'an absolute path', path: '/etc/hostname' },
    { why: 'a link that leaves the directory', path: 'link.txt' },
  ])('$why', async ({ why, path }) => {
    shell.file('planted.txt', 'pl4nted');
    const name = why.replaceAll(' ', '-');
    const at = directory(name, {
      'kustomization.yaml': `secretGenerator:\n- name: stolen\n  files: ["key=${path}"]\n`,
    });
    symlinkSync('../planted.txt', shell.at(name, 'link.txt'));
    const { code, stdout, stderr } = await shell.run('apply', '-k', at);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('must be inside');
    expect(await shell.output('get', 'secrets', '-o', 'name')).not.toContain('stolen');
  });

  test('a base that is a link to a kustomization is one; a link to a file there is none of it', async () => {
    const at = directory('links', {
      'base/kustomization.yaml': 'secretGenerator:\n- {name: linked, files: [f]}\n',
      'base/f': 'of the base',
      'top/kustomization.yaml': 'resources: [base]\n',
      'leads-out/kustomization.yaml': 'configMapGenerator: [{name: m}]\n',
    });
    symlinkSync('../base', shell.at('links/top/base'));
    expect(await shell.output('kustomize', `${at}/top`)).toContain(Buffer.from('of the base').toString('base64'));
    rmSync(shell.at('links/leads-out/kustomization.yaml'));
    symlinkSync('../base/kustomization.yaml', shell.at('links/leads-out/kustomization.yaml'));
    const { code, stderr } = await shell.run('kustomize', `${at}/leads-out`);
    expect(code).toBe(1);
    expect(stderr).toContain('must be inside');
  });

  test('fields without a meaning here, all at once', async () => {
    const at = directory('fields', { 'kustomization.yaml': 'replacements: [{}]\nsecretGenerators: []\n' });
    const { code, stderr } = await shell.run('apply', '-k', at);
    expect(code).toBe(1);
    expect(stderr).toContain('kustomization.yaml: replacements: is not supported here');
    expect(stderr).toContain('kustomize build DIR | lantern apply -f -');
    expect(stderr).toContain('kustomization.yaml: secretGenerators: unknown field; did you mean "secretGenerator"?');
  });

  test('-f together with -k, and neither of them', async () => {
    expect((await shell.run('apply', '-k', '.', '-f', '-')).stderr).toContain('-f and -k cannot be combined');
    expect((await shell.run('apply')).stderr).toContain('-f FILE and -k DIR');
  });
});

describe('lantern kustomize', () => {
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  volumes:\n' +
    '  - {name: v, secret: {secretName: db, defaultMode: 0400}}\n  containers:\n' +
    '  - {name: c, image: web, envFrom: [{configMapRef: {name: settings}}]}\n';
  const generators =
    'secretGenerator:\n- name: db\n  literals: [password=1f2d1e2e67df]\n' +
    'configMapGenerator:\n- name: settings\n  literals: [answer=yes]\n';

  test('prints what apply -k stores and the Pods, by the same names, ready to be applied elsewhere', async () => {
    const at = directory('printed', {
      'kustomization.yaml': `${generators}resources: [pod.yaml, account.yaml]\n`,
      'pod.yaml': pod,
      'account.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: builder, namespace: elsewhere}\n',
    });
    const text = await shell.output('kustomize', at);
    const [settings, db, web, builder] = text.split(/^---$/m).map((document) => parse(document));
    const stored = (await shell.output('apply', '-k', at, '-o', 'name')).split('\n');
    expect([`configmap/${settings.metadata.name}`, `secret/${db.metadata.name}`]).toEqual(stored.slice(0, 2));
    expect(settings).toMatchObject({ data: { answer: 'yes' } });
    expect(text).toContain('answer: "yes"');
    expect(db).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: db.metadata.name },
      type: 'Opaque',
      data: { password: 'MWYyZDFlMmU2N2Rm' },
    });
    expect(web).toMatchObject({
      metadata: { name: 'web' },
      spec: {
        volumes: [{ secret: { secretName: db.metadata.name, defaultMode: 0o400 } }],
        containers: [{ envFrom: [{ configMapRef: { name: settings.metadata.name } }] }],
      },
    });
    expect(builder.metadata).toEqual({ name: 'builder', namespace: 'elsewhere' });
  });

  test('no daemon is asked, and the suffix of then can be had', async () => {
    const at = directory('no-daemon', {
      'kustomization.yaml': 'secretGenerator:\n- name: db-user-pass\n  literals: [username=admin, password=secret]\n',
    });
    const { code, stdout } = await shell.run('--socket', '/nowhere', 'kustomize', at, '--suffix-hash', 'legacy');
    expect(code).toBe(0);
    expect(parse(stdout).metadata).toEqual({ name: 'db-user-pass-dddghtt9b5' });
  });

  test('a Deployment is passed through with the names in its Pods, and left out of what is stored and deleted', async () => {
    const at = directory('other-kinds', {
      'base/kustomization.yaml': `${generators}resources: [web.yaml]\n`,
      'base/web.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {volumes: [{secret: {secretName: db}}]}}}\n',
      'overlays/test/kustomization.yaml':
        'resources: [../../base]\nnamePrefix: t-\npatches:\n' +
        '- {target: {labelSelector: "!none"}, patch: \'[{"op": "add", "path": "/immutable", "value": true}]\'}\n',
    });
    const overlay = `${at}/overlays/test`;
    const printed = await shell.run('kustomize', overlay);
    const [, db, web] = printed.stdout.split(/^---$/m).map((document) => parse(document));
    expect(db).toMatchObject({ immutable: true, metadata: { name: expect.stringMatching(/^t-db-\w{10}$/) } });
    expect(web).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 't-web' },
      spec: { template: { spec: { volumes: [{ secret: { secretName: db.metadata.name } }] } } },
    });
    const skipped = 'patches[0] is skipped for Deployment "web", which is only passed through\n';
    expect(printed.stderr).toContain(skipped);
    expect(printed.stderr).toMatch(/changed only in metadata and .*: Deployment "t-web"\n/);

    for (const command of ['apply', 'delete']) {
      const { code, stdout, stderr } = await shell.run(command, '-k', overlay, '-o', 'name');
      expect({ code, names: stdout.split('\n') }).toEqual({
        code: 0,
        names: [expect.stringMatching(/^configmap\/t-settings-/), `secret/${db.metadata.name}`, ''],
      });
      expect(stderr).toContain(skipped);
      expect(stderr).toContain('skipped, as these kinds are not stored: Deployment "t-web"\n');
    }
  });
});

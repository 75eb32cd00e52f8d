import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CommandLine } from '../support/suite/command-line.ts';

const VALUE = 'pl4nted';

test('prod and test pods from one List', async () => {
  await using shell = new CommandLine();
  await shell.serve('--store', 'memory', '--unmount-on-exit');
  const item = (name: string) => `
- {apiVersion: v1, kind: Secret, metadata: {name: ${name}-db-secret}, stringData: {username: ${name}user}}
- apiVersion: v1
  kind: Pod
  metadata: {name: ${name}-db-client-pod}
  spec:
    containers: [{name: db, image: db, volumeMounts: [{name: v, mountPath: /etc/secret-volume, readOnly: true}]}]
    volumes: [{name: v, secret: {secretName: ${name}-db-secret}}]`;
  const file = shell.file('pods.yaml', `apiVersion: v1\nkind: List\nitems:${item('prod')}${item('test')}\n`);
  await shell.output('apply', '-f', file);
  mkdirSync(shell.target('pods'));
  await shell.output('pod', 'mount', '-f', file, shell.target('pods'));
  const read = (name: string) =>
    readFileSync(`${shell.target('pods')}/${name}-db-client-pod/db/etc/secret-volume/username`, 'utf8');
  expect([read('prod'), read('test')]).toEqual(['produser', 'testuser']);
  expect(await shell.output('pod', 'status')).toMatch(/prod-db-client-pod .* v .*ready/);
  for (const _ of [1, 2]) await shell.output('pod', 'unmount', '-f', file, shell.target('pods'));
  expect(readdirSync(shell.target('pods'))).toEqual([]);
});

test('a pod of a kustomization, with the Secret that it generates', async () => {
  await using shell = new CommandLine();
  await shell.serve('--store', 'memory', '--unmount-on-exit');
  const at = shell.directory('overlay');
  shell.file(
    'overlay/pod.yaml',
    `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: app, image: app, volumeMounts: [{name: v, mountPath: /etc/v}]}]
  volumes: [{name: v, secret: {secretName: db}}]
`,
  );
  const generator = `secretGenerator: [{name: db, literals: [password=${VALUE}]}]`;
  shell.file('overlay/kustomization.yaml', `resources: [pod.yaml]\nnamespace: team\n${generator}\n`);
  await shell.output('apply', '-k', at);
  const { code, stdout, stderr } = await shell.run('pod', 'mount', '-k', at, shell.target('web'));
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'lantern: only the Pods are mounted; to store the objects beside them, run "lantern apply -k DIR"\n',
  });
  expect(stdout).toContain(`pod/web mounted at ${shell.target('web')}`);
  expect(readFileSync(`${shell.target('web')}/app/etc/v/password`, 'utf8')).toBe(VALUE);
  await shell.output('pod', 'unmount', 'web', '-n', 'team');
  shell.file('overlay/kustomization.yaml', `${generator}\n`);
  const without = await shell.run('pod', 'mount', '-k', at, shell.target('web'));
  expect(without).toMatchObject({ code: 1, stderr: `lantern: ${at}: no Pod found\n` });
});

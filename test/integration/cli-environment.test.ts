import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SECRET_ENV_POD } from '../support/objects/seed-manifests.ts';
import { CommandLine } from '../support/suite/command-line.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const config = base64(JSON.stringify({ auths: { 'registry.example': { auth: base64('puller:pl4nted') } } }));

const OBJECTS = `
apiVersion: v1
kind: Secret
metadata: {name: mysecret}
data: {username: YWRtaW4=, password: MWYyZDFlMmU2N2Rm}
---
apiVersion: v1
kind: Secret
metadata: {name: badkeys}
stringData: {1badkey: a, 2alsobad: b, dotted.name: c, good: "it's\\n$HOME"}
---
apiVersion: v1
kind: Secret
metadata: {name: registrykey}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: ${config}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: builder}
imagePullSecrets: [{name: registrykey}, {name: gone}]
`;

/** The seed's pod, with a container more. */
const POD = SECRET_ENV_POD.replace(
  '  restartPolicy',
  `  - name: other
    image: redis
    envFrom: [{secretRef: {name: badkeys}}]
    env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
  restartPolicy`,
);

const SKIPPED =
  'warning: InvalidEnvironmentVariableNames: Keys [1badkey, 2alsobad] from the EnvFrom secret default/badkeys were skipped since they are considered invalid environment variable names.';

let shell: CommandLine;
let pod: string;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve('--store', 'memory');
  pod = shell.file('pod.yaml', POD);
  await shell.output('apply', '-f', shell.file('objects.yaml', OBJECTS));
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

describe('lantern env', () => {
  test('"Consuming Secret Values from Environment Variables", in a real shell', async () => {
    const text = await shell.output('env', '-f', pod, '-c', 'mycontainer');
    const script = 'eval "$1"; echo $SECRET_USERNAME; echo $SECRET_PASSWORD';
    expect(execFileSync('sh', ['-c', script, 'sh', text], { encoding: 'utf8' })).toBe('admin\n1f2d1e2e67df\n');
  });

  test('the first container where none is named, and says so', async () => {
    expect(await shell.run('env', '-f', pod, '-o', 'dotenv')).toEqual({
      code: 0,
      stdout: 'SECRET_USERNAME=admin\nSECRET_PASSWORD=1f2d1e2e67df\n',
      stderr: 'Defaulted container "mycontainer" out of: mycontainer, other\n',
    });
  });

  test.each([
    [
      'json',
      `${JSON.stringify({ 'dotted.name': 'c', good: "it's\n$HOME", POD: 'secret-env-pod' }, undefined, 4)}\n`,
      '',
    ],
    ['null', "dotted.name=c\0good=it's\n$HOME\0POD=secret-env-pod\0", ''],
    [
      'shell',
      "export good='it'\\''s\n$HOME'\nexport POD='secret-env-pod'\n",
      'warning: "dotted.name" skipped: invalid as a variable name of a shell; use -o null\n',
    ],
  ])('as %s, with what was skipped on stderr', async (format, stdout, more) => {
    const outcome = await shell.run('env', '-f', pod, '-c', 'other', '-o', format);
    expect(outcome).toEqual({ code: 0, stdout, stderr: `${SKIPPED}\n${more}` });
  });

  test('a mistake in the pod is named with file and field', async () => {
    const bad = shell.file('bad.yaml', POD.replace('key: username', 'kye: username'));
    const { code, stdout, stderr } = await shell.run('env', '-f', bad);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(
      'bad.yaml: spec.containers[0].env[0].valueFrom.secretKeyRef.kye: unknown field; did you mean "key"?',
    );
  });

  test('a missing key prints nothing but the reason', async () => {
    const bad = shell.file('missing.yaml', POD.replace('key: username', 'key: user'));
    expect(await shell.run('env', '-f', bad, '-c', 'mycontainer')).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining("couldn't find key user in Secret default/mysecret"),
    });
  });

  test('without -f it is wrong usage', async () => {
    expect((await shell.run('env')).code).toBe(2);
  });
});

describe('lantern registry-auth', () => {
  const IMAGE = 'registry.example/team/app:v1';

  test('a docker configuration for the image', async () => {
    const { code, stdout, stderr } = await shell.run('registry-auth', IMAGE, '--secret', 'registrykey');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ auths: { 'registry.example': { auth: base64('puller:pl4nted') } } });
  });

  test('every login of an account as json, and what it names in vain', async () => {
    const { stdout, stderr } = await shell.run('registry-auth', IMAGE, '--service-account', 'builder', '-o', 'json');
    expect(JSON.parse(stdout)).toEqual({
      registry: 'registry.example',
      credentials: [{ match: 'registry.example', username: 'puller', password: 'pl4nted', secretName: 'registrykey' }],
    });
    expect(stderr).toBe(
      'warning: FailedToRetrieveImagePullSecret: image pull secret Secret default/gone does not exist; it is left out\n',
    );
  });

  test('no login is an empty configuration and a warning', async () => {
    expect(await shell.run('registry-auth', 'busybox', '--secret', 'registrykey')).toEqual({
      code: 0,
      stdout: '{\n    "auths": {}\n}\n',
      stderr: 'warning: no credentials for "busybox"\n',
    });
  });

  test('a bad image is refused', async () => {
    const { code, stdout, stderr } = await shell.run('registry-auth', 'https://registry.example/app');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('image: must');
  });
});

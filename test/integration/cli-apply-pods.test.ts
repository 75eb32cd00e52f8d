import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine } from '../support/command-line.ts';

const secret = (name: string) => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\nstringData: {a: b}\n`;
const pod = (name: string) => `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: c}]}\n`;
const skipped = (name: string) => `lantern: pod/${name} skipped: Pods are not stored, only the objects they use\n`;
const ONLY_PODS =
  'lantern: there is no object beside the Pods; "lantern pod mount -f FILE ROOT" mounts what Pods use\n';

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve('--store', 'memory');
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

describe('a manifest with Pods in it', () => {
  test('a Secret and a Pod in one file: applied and deleted around the Pod', async () => {
    const file = shell.file('both.yaml', `${secret('mysecret')}---\n${pod('mypod')}`);
    const stderr = skipped('mypod');
    const applied = await shell.run('apply', '-f', file);
    expect(applied).toEqual({ code: 0, stdout: 'secret/mysecret created\n', stderr });
    const deleted = await shell.run('delete', '-f', file);
    expect(deleted).toEqual({ code: 0, stdout: 'secret "mysecret" deleted\n', stderr });
  });

  test.each([
    ['apply', ''],
    ['apply', '[]\n', '-o', 'json'],
    ['delete', ''],
  ])('%s of a List of Pods: nothing is done, and it says what to do instead', async (command, stdout, ...flags) => {
    const items = ['prod', 'test'].map((name) => `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}}`).join(', ');
    const list = `apiVersion: v1\nkind: List\nitems: [${items}]\n`;
    const outcome = await shell.runWithInput(list, command, '-f', '-', ...flags);
    expect(outcome).toEqual({ code: 0, stdout, stderr: skipped('prod') + skipped('test') + ONLY_PODS });
  });

  test('another unknown kind keeps everything out', async () => {
    const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n';
    const { code, stdout, stderr } = await shell.runWithInput(
      [secret('kept-out'), pod('p'), deployment].join('---\n'),
      'apply',
      '-f',
      '-',
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('"Deployment" (apps/v1) is not kept here');
    expect(await shell.output('get', 'secrets', '-o', 'name')).not.toContain('kept-out');
  });
});

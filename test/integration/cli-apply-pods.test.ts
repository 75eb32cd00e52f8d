import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine } from '../support/suite/command-line.ts';

const secret = (name: string) => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\nstringData: {a: b}\n`;
const pod = (name: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: c, image: busybox}]}\n`;
const skipped = (name: string) => `lantern: pod/${name} skipped: Pods are not stored, only the objects they use\n`;
const ONLY_PODS =
  'lantern: no objects beside the Pods; to mount what the Pods use, run "lantern pod mount -f FILE ROOT"\n';

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
    ['apply', 'apiVersion: v1\nitems: []\nkind: List\nmetadata: {}\n', '-o', 'yaml'],
    ['delete', ''],
    ['get', ''],
  ])('%s of a List of Pods: nothing is done, and it says what to do instead', async (command, stdout, ...flags) => {
    const items = ['prod', 'test'].map((name) => `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}}`).join(', ');
    const list = `apiVersion: v1\nkind: List\nitems: [${items}]\n`;
    const outcome = await shell.runWithInput(list, command, '-f', '-', ...flags);
    expect(outcome).toEqual({ code: 0, stdout, stderr: skipped('prod') + skipped('test') + ONLY_PODS });
  });

  test('a misspelt kind, and a misspelt field of a Pod, keep everything out', async () => {
    const misspelt = 'apiVersion: v1\nkind: Secert\nmetadata: {name: d}\n';
    const fields = pod('p').replace('containers', 'volume: [], containers');
    for (const [document, problem] of [
      [misspelt, 'stdin: document 3 (Secert "d"): kind: is none that v1 has; did you mean "Secret"?'],
      [fields, 'stdin: Pod "p": spec.volume: unknown field; did you mean "volumes"?'],
    ]) {
      const text = [secret('kept-out'), pod('q'), document].join('---\n');
      const { code, stdout, stderr } = await shell.runWithInput(text, 'apply', '-f', '-');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(problem);
      expect(await shell.output('get', 'secrets', '-o', 'name')).not.toContain('kept-out');
    }
  });

  test('kinds that are not kept are left out; that nothing is left is an error', async () => {
    const others =
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n';
    const notice = 'skipped, as these kinds are not stored: Deployment "web", Service "web"\n';
    const applied = await shell.runWithInput(`${others}---\n${secret('beside')}`, 'apply', '-f', '-');
    expect(applied).toEqual({ code: 0, stdout: 'secret/beside created\n', stderr: `lantern: ${notice}` });
    const deleted = await shell.runWithInput(`${others}---\n${secret('beside')}`, 'delete', '-f', '-');
    expect(deleted).toEqual({ code: 0, stdout: 'secret "beside" deleted\n', stderr: `lantern: ${notice}` });
    for (const command of ['apply', 'delete']) {
      const { code, stdout, stderr } = await shell.runWithInput(others, command, '-f', '-');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`stdin: no objects found; ${notice}`);
    }
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CommandLine } from '../support/suite/command-line.ts';

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

const map = (name: string, labels = 'app: shop', namespace = 'default') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {${labels}}}\ndata: {a: b}\n`;

const all = (...manifests: readonly string[]) => manifests.join('---\n');

async function apply(manifests: string, ...flags: readonly string[]) {
  return await shell.runWithInput(manifests, 'apply', '-f', '-', ...flags);
}

async function names(): Promise<string[]> {
  const listed = await shell.output('get', 'secrets,cm,sa', '-A', '-o', 'name');
  return listed.split('\n').filter((name) => name !== '' && name !== 'serviceaccount/default');
}

describe('apply --prune', () => {
  beforeEach(async () => {
    for (const kind of ['secrets', 'configmaps', 'serviceaccounts']) {
      for (const namespace of ['default', 'other']) await shell.run('delete', kind, '--all', '-n', namespace);
    }
    const account = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: account, labels: {app: shop}}\n';
    const elsewhere = map('elsewhere', 'app: shop', 'other');
    await apply(all(map('kept'), map('old'), map('foreign', 'app: other'), elsewhere, account));
    // Not made by apply, although the selector matches.
    await shell.runWithInput(map('made-by-hand'), 'create', '-f', '-');
    await shell.output('create', 'secret', 'generic', 'made-by-hand', '--from-literal=a=b');
  });

  test('deletes what apply made, the manifests lack and the selector matches, in their namespaces', async () => {
    const before = await names();
    const { code, stdout, stderr } = await apply(map('kept'), '--prune', '-l', 'app=shop');
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'configmap/kept unchanged\nconfigmap/old pruned\n',
      stderr: '',
    });
    expect(await names()).toEqual(before.filter((name) => name !== 'configmap/old'));
  });

  test('--all needs no label; accounts stay, as with kubectl', async () => {
    const { stdout } = await apply(map('kept'), '--prune', '--all', '-o', 'name');
    expect(stdout).toBe('configmap/kept\nconfigmap/foreign\nconfigmap/old\n');
    expect(await names()).toContain('serviceaccount/account');
  });

  test.each(['client', 'server'])('--dry-run=%s shows what would be pruned, and deletes nothing', async (mode) => {
    const before = await names();
    const { stdout } = await apply(map('kept'), '--prune', '-l', 'app=shop', `--dry-run=${mode}`);
    expect(stdout).toMatch(/^configmap\/kept .*\nconfigmap\/old pruned \((server )?dry run\)\n$/);
    expect(await names()).toEqual(before);
  });

  test('an object that was not applied keeps everything from being pruned', async () => {
    await shell.runWithInput(`${map('frozen')}immutable: true\n`, 'apply', '-f', '-');
    const before = await names();
    const changed = map('frozen').replace('a: b', 'a: c');
    const { code, stderr } = await apply(all(map('kept'), `${changed}immutable: true\n`), '--prune', '--all');
    expect(code).toBe(1);
    expect(stderr).toMatch(/immutable.*\nlantern: nothing was pruned because of these objects\n$/);
    expect(await names()).toEqual(before);
  });

  test('a declared object stays, although -l leaves out its manifest with a new label', async () => {
    const before = await names();
    const { stdout } = await apply(all(map('kept'), map('old', 'app: new')), '--prune', '-l', 'app=shop');
    expect(stdout).toBe('configmap/kept unchanged\n');
    expect(await names()).toEqual(before);
  });

  test('with -o yaml the result stays one document', async () => {
    const { stdout, stderr } = await apply(map('kept'), '--prune', '-l', 'app=shop', '-o', 'jsonpath={.metadata.name}');
    expect({ stdout, stderr }).toEqual({ stdout: 'kept', stderr: 'configmap/old pruned\n' });
  });
});

test.each([
  [['--prune'], '--prune deletes what the manifests lack: choose from which objects, with -l SELECTOR or with --all'],
  [['--prune', '-l', ' '], 'an empty selector matches all objects; leave it out'],
  [['--prune', '-l', 'a', '--all'], '-l and --all cannot be combined'],
  [['--all'], '--all needs --prune: all objects of the manifests are applied anyway'],
])('apply %j is refused before anything is stored', async (flags, message) => {
  expect(await apply(map('refused'), ...flags)).toEqual({ code: 2, stdout: '', stderr: `lantern: ${message}\n` });
  expect(await names()).not.toContain('configmap/refused');
});

test('apply -l leaves out the objects of the manifests that it does not select', async () => {
  const { stdout } = await apply(all(map('one', 'tier: web'), map('two', 'tier: db')), '-l', 'tier=db');
  expect(stdout).toBe('configmap/two created\n');
});

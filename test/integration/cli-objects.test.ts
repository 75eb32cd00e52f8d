import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CommandLine, endOf } from '../support/suite/command-line.ts';

// A value that must show up only where it is asked for, base64 included.
const VALUE = 'pl4nted-v4lue';
const ENCODED = Buffer.from(VALUE).toString('base64');

const secret = (name: string, value = VALUE, more = '') =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}${more}}\nstringData: {username: admin, password: ${value}}\n`;
const CONFIG_MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n';

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

/** Applies a manifest from stdin and returns what was printed. */
async function apply(manifest: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await shell.runWithInput(manifest, 'apply', '-f', '-', ...args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

describe('apply', () => {
  test('creates what another cluster wrote, and still refuses an old version of what is here', async () => {
    const foreign = secret(
      'moved',
      'x',
      ', resourceVersion: "4711", uid: u, creationTimestamp: "2026-11-23T19:24:08Z"',
    );
    expect(await apply(foreign, '--dry-run')).toBe('secret/moved created (server dry run)\n');
    expect(await apply(foreign)).toBe('secret/moved created\n');
    const { code, stderr } = await shell.runWithInput(foreign, 'apply', '-f', '-');
    expect(code).toBe(1);
    expect(stderr).toContain('at resourceVersion "4711": it is at');
    const account =
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: moved, resourceVersion: "4"}\n';
    expect(await apply(account)).toBe('serviceaccount/default created\n');
  });

  test('takes JSON objects one after the other, as jq prints them', async () => {
    const map = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: '}{' } });
    const stream = `${JSON.stringify(map('j1'))}\n${JSON.stringify(map('j2'), undefined, 2)}${JSON.stringify(map('j3'))}`;
    expect(await apply(stream)).toBe('configmap/j1 created\nconfigmap/j2 created\nconfigmap/j3 created\n');
  });

  test('says what became of each object', async () => {
    const file = shell.file('both.yaml', `${secret('a')}---\n${CONFIG_MAP}`);
    expect(await shell.output('apply', '-f', file)).toBe('secret/a created\nconfigmap/settings created\n');
    expect(await shell.output('apply', '-f', file)).toBe('secret/a unchanged\nconfigmap/settings unchanged\n');
    expect(await apply(secret('a', 'other'))).toBe('secret/a configured\n');
    expect(await apply(secret('a', 'other'), '-o', 'name')).toBe('secret/a\n');
    expect(JSON.parse(await apply(secret('a', 'third'), '-o', 'json'))).toMatchObject({
      kind: 'Secret',
      metadata: { name: 'a', namespace: 'default', uid: expect.stringMatching(/./) },
      data: { password: Buffer.from('third').toString('base64') },
    });
  });

  test('a dry run stores nothing', async () => {
    expect(await apply(secret('dry'), '--dry-run=server')).toBe('secret/dry created (server dry run)\n');
    expect(await apply(secret('dry'), '--dry-run=client')).toBe('secret/dry valid (dry run)\n');
    expect((await shell.run('get', 'secret', 'dry')).code).toBe(1);
  });

  test('a fault in one file keeps every object out, and shows no value', async () => {
    const bad = `${secret('fine')}---\n${secret('Bad_Name')}---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {k: "!${VALUE}"}\n`;
    const { code, stdout, stderr } = await shell.runWithInput(bad, 'apply', '-f', '-');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^lantern: 2 faults:\n {2}stdin: .*metadata\.name.*\n {2}stdin: .*data\[k\].*\n$/);
    expect(stderr).not.toContain(VALUE);
    expect((await shell.run('get', 'secret', 'fine')).code).toBe(1);
  });

  test("the daemon's refusal of one object keeps no other out", async () => {
    await apply(`${secret('frozen')}immutable: true\n`);
    const both = `${secret('frozen', 'changed')}immutable: true\n---\n${secret('after')}`;
    const { code, stdout, stderr } = await shell.runWithInput(both, 'apply', '-f', '-');
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'secret/after created\n' });
    expect(stderr).toMatch(/^lantern: .*immutable.*\n$/);
    expect(stderr).not.toContain('changed');
  });
});

describe('get', () => {
  beforeAll(async () => {
    await apply(`${secret('shown')}---\n${secret('elsewhere', VALUE, ', namespace: get')}`);
  });

  test('a table in the shape of kubectl, without values', async () => {
    const table = await shell.output('get', 'secret', 'shown');
    expect(table).toMatch(/^NAME {4}TYPE {5}DATA {3}AGE\nshown {3}Opaque {3}2 {6}\d+s\n$/);
    const all = await shell.output('get', 'secrets', '-A');
    expect(all).toMatch(/^NAMESPACE +NAME/);
    expect(all).toMatch(/^get +elsewhere /m);
    expect(all).not.toMatch(new RegExp(`${VALUE}|${ENCODED}`));
    expect(await shell.output('get', 'secrets', '-n', 'get', '-o', 'name')).toBe('secret/elsewhere\n');
  });

  test('labels, and tables without headings', async () => {
    await apply(
      `${secret('labelled', VALUE, ', namespace: labels, labels: {a: b}')}---\n${CONFIG_MAP}`,
      '-n',
      'labels',
    );
    const args = ['get', 'secret,cm', '-n', 'labels', '--show-labels', '--no-headers'];
    expect(await shell.output(...args)).toMatch(
      /^secret\/labelled {3}Opaque {3}2 {3}\d+s {3}a=b\nconfigmap\/settings {3}1 {3}\d+s {3}<none>\n$/,
    );
  });

  test("kubectl's templates: of one object, of a list, as kubectl's users write the option", async () => {
    expect(await shell.output('get', 'secret', 'shown', '-o', 'jsonpath={.data.password}')).toBe(ENCODED);
    expect(JSON.parse(await shell.output('volumes', '-o=json'))).toEqual({ volumes: [] });
    expect(await shell.output('get', 'secret/shown', `-o=jsonpath={.kind}{"\\n"}`)).toBe('Secret\n');
    const names = '{range .items[*]}{.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
    expect(await shell.output('get', 'secrets', '-n', 'get', '--output', `jsonpath=${names}`)).toBe('get/elsewhere\n');
    const beyond = await shell.run('get', 'secrets', '-n', 'nothing-here', '-o', 'jsonpath={.items[0]}');
    expect(beyond).toMatchObject({ code: 1, stdout: '' });
    expect(beyond.stderr).toMatch(/^lantern: show "\.items\[0\]": there is no element 0 in a list of 0\n$/);
  });

  test('YAML and JSON are manifests that can be applied again', async () => {
    const yaml = await shell.output('get', 'secret/shown', '-o', 'yaml');
    expect(parse(yaml)).toMatchObject({ kind: 'Secret', metadata: { name: 'shown' }, data: { password: ENCODED } });
    expect(await apply(yaml)).toBe('secret/shown unchanged\n');
    const list = await shell.output('get', 'secrets', '-n', 'get', '-o', 'json');
    expect(JSON.parse(list)).toMatchObject({ kind: 'List', items: [{ metadata: { name: 'elsewhere' } }] });
    expect(await apply(list)).toBe('secret/elsewhere unchanged\n');
  });

  test('several kinds at once', async () => {
    await apply(CONFIG_MAP);
    const { stdout } = await shell.run('get', 'secret/shown', 'cm/settings');
    expect(stdout).toMatch(/^NAME .*\nsecret\/shown .*\n\nNAME .*\nconfigmap\/settings .*\n$/);
  });

  test('-l takes only what has such labels', async () => {
    const labelled = (name: string, labels: string) =>
      `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: l, labels: {${labels}}}\n`;
    const manifest = shell.file(
      'labels.yaml',
      [labelled('a', 'tier: web'), labelled('b', 'tier: db'), labelled('c', '')].join('---\n'),
    );
    await shell.output('apply', '-f', manifest);
    const names = (...args: string[]) => shell.output('get', 'secrets', '-n', 'l', '-o', 'name', ...args);
    expect(await names('-l', 'tier in (web,db),tier!=db')).toBe('secret/a\n');
    expect(await names('--selector=!tier')).toBe('secret/c\n');
    expect(await names('-l', 'tier=none')).toBe('');
  });

  test('--watch shows what is there and then each change, until a signal', async () => {
    await apply(secret('w', VALUE, ', namespace: w, labels: {watched: "yes"}'));
    const child = shell.start('get', 'secrets', '-n', 'w', '-l', 'watched', '--watch');
    if (child.stdout === null) throw new Error('a stream is missing');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const nextLine = async (): Promise<unknown> => (await lines.next()).value;
    expect(await nextLine()).toMatch(/^NAME {3}TYPE {5}DATA {3}AGE$/);
    expect(await nextLine()).toMatch(/^w {6}Opaque {3}2 {6}\d+s$/);
    await apply(secret('unlabelled', VALUE, ', namespace: w'));
    await apply(secret('w-longer', VALUE, ', namespace: w, labels: {watched: "yes"}'));
    expect(await nextLine()).toMatch(/^w-longer {3}Opaque {3}2 {6}\d+s$/);
    await shell.output('delete', 'secret', 'w', '-n', 'w');
    expect(await nextLine()).toMatch(/^w {10}Opaque {3}2 {6}\d+s$/);
    expect(await endOf(child, 'SIGINT')).toBe(0);
  });

  test('nothing there', async () => {
    expect(await shell.run('get', 'cm', '-n', 'void')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'No resources found in void namespace.\n',
    });
    const { code, stdout, stderr } = await shell.run('get', 'secret', 'no-such', 'shown');
    expect(code).toBe(1);
    expect(stdout).toContain('shown');
    expect(stderr).toMatch(/^lantern: .*no-such.*\n$/);
  });
});

describe('delete', () => {
  test('by name, by manifest, and what is not there', async () => {
    await apply(`${secret('d1')}---\n${secret('d2')}`);
    expect(await shell.output('delete', 'secret', 'd1')).toBe('secret "d1" deleted\n');
    const { code, stdout, stderr } = await shell.runWithInput(
      `${secret('d1')}---\n${secret('d2')}`,
      'delete',
      '-f',
      '-',
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'secret "d2" deleted\n' });
    expect(stderr).toMatch(/^lantern: .*d1.*\n$/);
    expect(await shell.output('delete', 'secret/d1', '--ignore-not-found')).toBe('');
  });

  test('by labels, or all of a namespace, and nothing of another', async () => {
    const labelled = (name: string, tier: string, namespace = 'del') =>
      secret(name, VALUE, `, namespace: ${namespace}, labels: {tier: ${tier}}`);
    const all = [labelled('a', 'web'), labelled('b', 'db'), labelled('c', 'web'), labelled('a', 'web', 'other')];
    await apply(all.join('---\n'));
    const inDel = (...args: readonly string[]) => shell.run('delete', 'secrets', '-n', 'del', ...args);
    expect((await inDel('-l', 'tier=web')).stdout).toBe('secret "a" deleted\nsecret "c" deleted\n');
    expect(await inDel('-l', 'tier=web')).toEqual({ code: 0, stdout: '', stderr: 'No resources found.\n' });
    expect((await inDel('--all', '-o', 'name')).stdout).toBe('secret/b\n');
    expect(await shell.output('get', 'secrets', '-n', 'other', '-o', 'name')).toBe('secret/a\n');
  });

  test.each([
    ['-l and a name', ['secret', 'd1', '-l', 'a=b']],
    ['--all and a name', ['secret/d1', '--all']],
    ['both', ['secrets', '-l', 'a=b', '--all']],
    ['a file', ['-f', '-', '--all']],
    ['an empty selector', ['secrets', '-l', ' ']],
    ['no selector at all', ['secrets', '-l', 'a==b=c']],
    ['no kind', ['--all']],
  ])('%s is wrong usage, and nothing is deleted', async (_, args) => {
    await apply(secret('d3'));
    expect(await shell.run('delete', ...args)).toMatchObject({ code: 2, stdout: '' });
    expect(await shell.output('get', 'secret/d3', '-o', 'name')).toBe('secret/d3\n');
  });
});

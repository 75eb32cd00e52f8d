import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { connect } from '../../src/rpc/client.ts';
import { CommandLine } from '../support/suite/command-line.ts';

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve('--manifests', shell.directory('manifests'));
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

const secret = (name: string, data: string, more = '') =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}${more}}\nstringData: {${data}}\n`;

/** Applies a manifest from stdin and returns the outcome. */
async function apply(manifest: string, to = shell): Promise<string | undefined> {
  const { stdout, stderr } = await to.runWithInput(manifest, 'apply', '-f', '-');
  expect(stderr).toBe('');
  return stdout.trim().split(' ')[1];
}

async function show(name: string, from = shell) {
  return JSON.parse(await from.output('get', 'secret', name, '-o', 'json'));
}

async function valuesOf(name: string, from = shell): Promise<Record<string, string>> {
  const { data = {} } = await show(name, from);
  const texts = Object.entries<string>(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
  return Object.fromEntries(texts);
}

async function edit(name: string, script: string): Promise<void> {
  vi.stubEnv('KUBE_EDITOR', `sh ${shell.file('editor.sh', `${script} "$1"\n`)}`);
  expect((await shell.run('edit', 'secret', name)).stdout).toBe(`secret/${name} edited\n`);
  vi.unstubAllEnvs();
}

const ADD = (key: string) => `sed -i 's/^data:/data:\\n  ${key}: Yw==/'`;

describe('apply', () => {
  test('takes away what its manifest had before, labels too, and nothing that others added', async () => {
    expect(await apply(secret('s', 'a: "1", b: "2"', ', labels: {l: "1"}'))).toBe('created');
    await edit('s', ADD('c'));
    expect(await valuesOf('s')).toEqual({ a: '1', b: '2', c: 'c' });
    expect(await apply(secret('s', 'a: "1"'))).toBe('configured');
    expect(await valuesOf('s')).toEqual({ a: '1', c: 'c' });
    expect((await show('s')).metadata).not.toHaveProperty('labels');
    expect(await apply(secret('s', 'a: "1"'))).toBe('unchanged');
    expect(await apply(secret('s', 'a: "1", c: '))).toBe('configured');
    expect(await valuesOf('s')).toEqual({ a: '1' });
  });

  test('leaves what create made; the record that it begins shows nowhere', async () => {
    await shell.output('create', 'secret', 'generic', 'made', '--from-literal=a=1', '--from-literal=b=2');
    const before = await show('made');
    expect(await apply(secret('made', 'a: "1"'))).toBe('configured');
    expect(await apply(secret('made', 'a: "1"'))).toBe('unchanged');
    const { resourceVersion: _, ...metadata } = before.metadata;
    expect(await show('made')).toEqual({ ...before, metadata: expect.objectContaining(metadata) });
    expect(await shell.output('describe', 'secret', 'made')).not.toContain('data[');
    expect(await apply(secret('made', ''))).toBe('configured');
    expect(await valuesOf('made')).toEqual({ b: '2' });
  });

  test('of a kustomization merges as well', async () => {
    const kustomization = (data: string) => {
      const directory = shell.at('k');
      if (!existsSync(directory)) shell.directory('k');
      writeFileSync(`${directory}/kustomization.yaml`, 'resources: [secret.yaml]\n');
      writeFileSync(`${directory}/secret.yaml`, secret('k', data));
      return shell.output('apply', '-k', directory);
    };
    expect(await kustomization('a: "1", b: "2"')).toBe('secret/k created\n');
    await edit('k', ADD('c'));
    expect(await kustomization('a: "1", c: null')).toBe('secret/k configured\n');
    expect(await valuesOf('k')).toEqual({ a: '1' });
  });

  test('refuses a null whose key is none, with its place', async () => {
    const { code, stderr } = await shell.runWithInput(secret('s', '"a b": '), 'apply', '-f', '-');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^lantern: stdin: document 1 \(Secret "s"\): stringData\[a b\]: /),
    });
  });

  test('refuses to drop immutable from the manifest that said it', async () => {
    expect(await apply(`${secret('frozen', 'a: "1"')}immutable: true\n`)).toBe('created');
    const { code, stderr } = await shell.runWithInput(secret('frozen', 'a: "1"'), 'apply', '-f', '-');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^lantern: apply Secret default\/frozen: immutable: cannot be unset; keep it true, or /,
      ),
    });
  });
});

test('what a manifest of the directory put is recorded', async () => {
  const file = shell.at('manifests', 'm.yaml');
  writeFileSync(file, secret('m', 'a: "1", b: "2"'));
  await vi.waitFor(async () => expect(await valuesOf('m')).toEqual({ a: '1', b: '2' }), { timeout: 20_000 });
  expect(await apply(secret('m', 'a: "3"'))).toBe('configured');
  expect(await valuesOf('m')).toEqual({ a: '3' });
});

test('a record alone that changes reaches no volume', async () => {
  await shell.output('create', 'secret', 'generic', 'v', '--from-literal=a=1');
  const spec = shell.file('volume.yaml', 'secret: {secretName: v}\n');
  await shell.output('mount', '-f', spec, shell.target('v'));
  const generation = () => readlinkSync(`${shell.target('v')}/..data`);
  const before = generation();
  expect(await apply(secret('v', 'a: "1"'))).toBe('configured');
  const { resourceVersion } = (await show('v')).metadata;
  using daemon = connect(shell.socket);
  await vi.waitFor(
    async () => {
      const { volumes } = await daemon.projector.listVolumes({});
      expect(volumes[0]?.objects).toMatchObject([{ name: 'v', resourceVersion }]);
    },
    { timeout: 20_000 },
  );
  expect(generation()).toBe(before);
  expect(await apply(secret('v', 'a: "2"'))).toBe('configured');
  await vi.waitFor(() => expect(readFileSync(`${shell.target('v')}/a`, 'utf8')).toBe('2'), { timeout: 20_000 });
  expect(generation()).not.toBe(before);
  await shell.output('unmount', shell.target('v'));
});

describe('the record', () => {
  /** A daemon with "declared", which a manifest put, and "made", which create did; and an archive of both. */
  async function exported() {
    const from = new CommandLine();
    await from.serve('--store', 'memory');
    await write(from, 'declared', { a: '1', b: '2' }, 'MERGE');
    await write(from, 'made', { a: '1', b: '2' }, 'MODE_UNSPECIFIED');
    const key = from.at('archive.key');
    await from.output('export', '--key-file', key, '--new-key', from.at('archive'));
    const into = (to: CommandLine, ...flags: string[]) =>
      to.run('import', '--key-file', key, ...flags, from.at('archive'));
    return { into, [Symbol.asyncDispose]: () => from[Symbol.asyncDispose]() };
  }

  async function write(
    to: CommandLine,
    name: string,
    data: Record<string, string>,
    mode: 'MERGE' | 'MODE_UNSPECIFIED',
  ) {
    using daemon = connect(to.socket);
    const bytes = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value)]));
    const { outcome } = await daemon.objects.apply({ object: { metadata: { name }, secret: { data: bytes } }, mode });
    const { object } = await daemon.objects.get({ ref: { kind: 'Secret', name }, withData: true });
    return { outcome, keys: Object.keys(object?.secret?.data ?? {}).sort() };
  }

  test('goes along with an export', async () => {
    await using archive = await exported();
    await using to = new CommandLine();
    await to.serve('--store', 'memory');
    expect(await archive.into(to)).toMatchObject({ code: 0, stdout: expect.stringContaining('2 created') });
    expect(await archive.into(to)).toMatchObject({ code: 0, stdout: 'secrets: 3 unchanged\n' });
    expect(await write(to, 'declared', { a: '1' }, 'MERGE')).toEqual({ outcome: 'CONFIGURED', keys: ['a'] });
    expect(await write(to, 'made', { a: '1' }, 'MERGE')).toEqual({ outcome: 'CONFIGURED', keys: ['a', 'b'] });
  }, 60_000);

  test('is no conflict where objects are the same otherwise; --overwrite replaces it', async () => {
    await using archive = await exported();
    await using to = new CommandLine();
    await to.serve('--store', 'memory');
    await write(to, 'declared', { a: '1', b: '2' }, 'MODE_UNSPECIFIED');
    await write(to, 'made', { a: '1', b: '2' }, 'MERGE');
    const { code, stdout } = await archive.into(to);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('2 unchanged') });
    expect(await archive.into(to, '--overwrite')).toMatchObject({ stdout: expect.stringContaining('2 configured') });
    expect(await write(to, 'declared', { a: '1' }, 'MERGE')).toEqual({ outcome: 'CONFIGURED', keys: ['a'] });
    expect(await write(to, 'made', { a: '1' }, 'MERGE')).toEqual({ outcome: 'CONFIGURED', keys: ['a', 'b'] });
  }, 60_000);
});

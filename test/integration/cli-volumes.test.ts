import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine, endOf, firstLine } from '../support/suite/command-line.ts';

const VALUE = 'pl4nted-v4lue';
const secret = (value: string) =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {username: admin, password: ${value}}\n`;
const VOLUME = `name: any
projected:
  sources:
  - secret: {name: db, items: [{key: password, path: keys/pw, mode: 0400}]}
  - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
  - request: {items: [{key: extra, path: extra}]}
`;
const POD =
  'apiVersion: v1\nkind: Pod\nmetadata: {name: app, labels: {tier: web}}\nspec: {containers: [{name: c, image: i}]}\n';

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
  await applySecret(VALUE);
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

async function applySecret(value: string): Promise<void> {
  const { code, stderr } = await shell.runWithInput(secret(value), 'apply', '-f', '-');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

test('mount, look, update, unmount', async () => {
  const target = shell.target('session');
  expect(await shell.output('mount', '--secret', 'db', target)).toBe(
    `volume "${target}" mounted at ${target} (2 files)\n`,
  );
  expect(readFileSync(`${target}/password`, 'utf8')).toBe(VALUE);
  expect(await shell.output('mount', '--secret', 'db', target)).toContain('mounted');

  const table = await shell.output('volumes');
  expect(table).toMatch(/^VOLUME .*STATE +AGE +UPDATED .*CONTENT +REASON\n/);
  expect(table).toContain('secret/db');
  expect(await shell.output('volumes', '-o', 'name')).toBe(`${target}\n`);
  const described = await shell.output('volume', target);
  expect(described).toMatch(/^State: +ready$/m);
  expect(described).toMatch(/^password +0644 .* 13 B$/m);
  const json = await shell.output('volumes', '-o', 'json');
  expect(JSON.parse(json)).toMatchObject({
    volumes: [{ volumeId: target, state: 'READY', publications: [{ targetPath: target }] }],
  });
  expect(table + described + json).not.toContain(VALUE);

  expect(await shell.output('unmount', target)).toBe(`volume "${target}" unmounted from ${target}\n`);
  expect(existsSync(target)).toBe(false);
  expect((await shell.run('unmount', target)).code).toBe(0);
  expect(await shell.run('volumes')).toEqual({ code: 0, stdout: '', stderr: 'No volumes are mounted.\n' });
});

test('every input of a volume: file, pod, data, id, mount group, sub-path', async () => {
  const input = ['-f', shell.file('volume.yaml', VOLUME), '--pod-file', shell.file('pod.yaml', POD)];
  const data = ['--data-file', `extra=${shell.file('extra', 'inline')}`];
  const target = shell.target('inputs');
  const answer = await shell.output('mount', ...input, ...data, '--id', 'mine', target, '-o', 'json');
  expect(JSON.parse(answer)).toMatchObject({ volumeId: 'mine', publications: [{ targetPath: target }] });
  expect(readFileSync(`${target}/keys/pw`, 'utf8')).toBe(VALUE);
  expect(statSync(`${target}/keys/pw`).mode & 0o777).toBe(0o400);
  expect(readFileSync(`${target}/labels`, 'utf8')).toBe('tier="web"');
  expect(readFileSync(`${target}/extra`, 'utf8')).toBe('inline');

  const single = shell.target('single');
  await shell.output('mount', ...input, ...data, '--id', 'part', '--sub-path', 'keys/pw', single);
  expect(readFileSync(single, 'utf8')).toBe(VALUE);

  // Neither target tells the id: the daemon knows it.
  expect(await shell.output('unmount', target)).toContain('volume "mine"');
  expect(await shell.output('unmount', '--id', 'part', '--all')).toContain('all of its targets');
  expect([target, single].map((path) => existsSync(path))).toEqual([false, false]);
});

describe('what cannot be mounted', () => {
  test('a missing object fails at once, or after --wait', async () => {
    const { code, stderr } = await shell.run('mount', '--secret', 'nope', shell.target('nope'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^lantern: [^\n]*nope[^\n]*\n$/);
    const waited = await shell.run('mount', '--secret', 'nope', shell.target('nope'), '--wait', '2s');
    expect(waited.code).toBe(1);
    expect(waited.stderr).toMatch(/^lantern: [^\n]*nope[^\n]*\n$/);
  });

  test('faults of the volume file name it, all at once', async () => {
    const file = shell.file('bad.yaml', 'secret: {secretName: db, defaultMode: 1000, itemz: []}');
    const { code, stderr } = await shell.run('mount', '-f', file, shell.target('bad'));
    expect(code).toBe(1);
    expect(stderr).toContain(`${file}: secret.defaultMode: `);
    expect(stderr).toContain(`${file}: secret.itemz: unknown field; did you mean "items"?`);
  });

  test('a volume that is not there', async () => {
    const { code, stderr } = await shell.run('volume', 'no-such');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^lantern: .*no-such.*\n$/);
  });
});

test('render shows the tree, and contents only when asked', async () => {
  const tree = await shell.output('render', '--secret', 'db');
  expect(tree).toMatch(/^volume\n├── \.\.\d{4}.*\/ .*0755/);
  expect(tree).toMatch(/password -> \.\.data\/password$/m);
  expect(tree).not.toContain(VALUE);
  const withContents = await shell.output('render', '--secret', 'db', '--contents');
  expect(withContents).toContain(`\n== password ==\n${VALUE}\n`);
  const entries = JSON.parse(await shell.output('render', '--secret', 'db', '--contents', '-o', 'json')).entries;
  expect(entries.find(({ path }: { path: string }) => /^\.\.2.*\/password$/.test(path))).toMatchObject({
    type: 'FILE',
    mode: 0o644,
    contents: Buffer.from(VALUE).toString('base64'),
  });
  expect(await shell.run('volumes', '-o', 'name')).toMatchObject({ code: 0, stdout: '' });
});

test('watch prints a JSON object per event until it is interrupted', async () => {
  const target = shell.target('watched');
  await shell.output('mount', '--secret', 'db', '--id', 'watched', target);
  const watch = shell.start('watch', 'watched', '--existing', '-o', 'json');
  if (watch.stdout === null) throw new Error('stdout is missing');
  const lines = createInterface({ input: watch.stdout });
  const next = async () => JSON.parse(String((await once(lines, 'line'))[0]));
  expect(await next()).toMatchObject({ type: 'MOUNTED', volumeId: 'watched', targetPath: target });
  const updated = next();
  await applySecret('n3w-v4lue');
  const event = await updated;
  expect(event).toMatchObject({ type: 'UPDATED', changedPaths: ['password'] });
  expect(JSON.stringify(event)).not.toContain('n3w-v4lue');
  expect(readFileSync(`${target}/password`, 'utf8')).toBe('n3w-v4lue');
  expect(await endOf(watch, 'SIGINT')).toBe(0);

  const human = shell.start('watch', '--existing');
  expect(await firstLine(human)).toMatch(/^TIME +EVENT +VOLUME +DETAILS$/);
  expect(await endOf(human, 'SIGTERM')).toBe(0);
  await shell.output('unmount', target);
});

test('delete names the volumes that become stale, and no other', async () => {
  const required = '{secret: {name: used}}';
  const optional = '{secret: {name: used, optional: true}}';
  const projected = (...sources: string[]) => `{name: v, projected: {sources: [${sources.join(', ')}]}}`;
  const named = (name: string, source: string) =>
    `apiVersion: lantern.dev/v1\nkind: ProjectedVolume\nmetadata: {name: ${name}}\nspec: {projected: {sources: [${source}]}}\n`;
  const objects = [secret('a').replace('db', 'used'), secret('a').replace('db', 'other')];
  const all = [...objects, named('needs', required), named('can-do-without', optional)].join('---\n');
  expect(await shell.runWithInput(all, 'apply', '-f', '-')).toMatchObject({ code: 0, stderr: '' });
  const volumes: readonly (readonly [id: string, ...input: string[]])[] = [
    ['required', '--secret', 'used'],
    ['other', '--secret', 'other'],
    ['optional', '-f', shell.file('optional.yaml', '{name: v, secret: {secretName: used, optional: true}}')],
    ['projected', '-f', shell.file('projected.yaml', projected(required, '{secret: {name: other}}'))],
    [
      'both',
      '-f',
      shell.file('both.yaml', projected(optional, '{secret: {name: used, items: [{key: password, path: p}]}}')),
    ],
    ['projected-optional', '-f', shell.file('without.yaml', projected(optional))],
    ['named', '--projected-volume', 'needs'],
    ['named-optional', '--projected-volume', 'can-do-without'],
  ];
  for (const [id, ...input] of volumes) await shell.output('mount', ...input, '--id', id, shell.target(id));

  const users = 'volumes "both", "named", "projected", "required"';
  expect(await shell.run('delete', 'secret', 'used', '--dry-run=client')).toEqual({
    code: 0,
    stdout: 'secret "used" deleted (dry run)\n',
    stderr: `warning: secret "used" is in use: without it, stale until it exists again, with its last contents: ${users}\n`,
  });
  const { code, stdout, stderr } = await shell.run('delete', 'secret', 'used');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'secret "used" deleted\n' });
  const listed = async (): Promise<{ volumeId: string; state: string; objects: { resourceVersion: string }[] }[]> =>
    JSON.parse(await shell.output('volumes', '-o', 'json')).volumes;
  const stale = async () => (await listed()).flatMap(({ volumeId, state }) => (state === 'STALE' ? [volumeId] : []));
  await expect.poll(stale, { timeout: 20_000 }).toEqual(['both', 'named', 'projected', 'required']);
  expect(stderr).toBe(
    `warning: secret "used" was in use: stale until it exists again, with its last contents: ${users}\n`,
  );
  const [row, reason] = [/^required +default +stale \(\d+s\) .*(Secret default\/used does not exist)/m, 1];
  expect(row.exec(await shell.output('volumes'))?.[reason]).toBeDefined();
  const described = await shell.output('volume', 'required');
  expect(described).toMatch(/^Secret used +\d+ +<absent>$/m);
  expect(described).toMatch(/^ {2}Warning +FailedUpdate +\S+ +lantern, \S+ +Secret default\/used does not exist/m);

  // Nothing shows what is deleted twice, or what no volume uses.
  expect(await shell.run('delete', 'secret', 'used', '--ignore-not-found')).toMatchObject({ code: 0, stderr: '' });
  for (const [id] of volumes) await shell.output('unmount', '--id', id, '--all');
  expect(await shell.run('delete', 'secret', 'other')).toMatchObject({ code: 0, stderr: '' });
});

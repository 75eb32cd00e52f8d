import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { CommandLine, firstLine } from '../support/suite/command-line.ts';

const OLD = Buffer.from('old-v4lue').toString('base64');
const NEW = Buffer.from('new-v4lue').toString('base64');
const CHANGE = `sed -i s/${OLD}/${NEW}/ "$1"`;

let shell: CommandLine;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve();
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

beforeEach(async () => {
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  await shell.run('delete', 'secret', 's');
  await shell.output('create', 'secret', 'generic', 's', '--from-literal=k=old-v4lue');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** Makes the editor a shell script, where $1 is the file and $round counts from 1. It says first what it was given. */
function useEditor(script: string): void {
  const [rounds, seen] = [shell.file('rounds', ''), shell.file('seen', '')];
  const count = `echo >> ${rounds}; round=$(wc -l < ${rounds})`;
  const note = `{ stat -c '%a %n' "$(dirname "$1")" "$1"; cat "$1"; } >> ${seen}`;
  vi.stubEnv('KUBE_EDITOR', `sh ${shell.file('editor.sh', `${count}\n${note}\n${script}\n`)}`);
}

/** What the editor was given in all rounds. */
const seen = (): string => readFileSync(shell.at('seen'), 'utf8');

function expectNothingLeft(): void {
  const file = /^600 (.*)$/m.exec(seen())?.[1] ?? '';
  expect(file).toMatch(/^\/dev\/shm\/lantern-edit-/);
  expect(existsSync(dirname(file))).toBe(false);
}

async function valueOfSecret(): Promise<unknown> {
  return parse(await shell.output('get', 'secret/s', '-o', 'yaml')).data.k;
}

test('an edited Secret is stored; its file was for its owner alone, in memory, and is gone', async () => {
  useEditor(CHANGE);
  expect(await shell.run('edit', 'secrets/s')).toEqual({ code: 0, stdout: 'secret/s edited\n', stderr: '' });
  expect(await valueOfSecret()).toBe(NEW);
  expect(seen()).toMatch(
    /^700 .*\n600 .*\n# Please edit the object below\..*\n#.*\n#.*\n#\napiVersion: v1\ndata:\n {2}k: /,
  );
  expectNothingLeft();
});

describe('nothing changes', () => {
  test('when the editor writes another encoding, which would change a password silently', async () => {
    useEditor(`printf 'stringData: {k: p\\344ss}\\n' >> "$1"`);
    const { code, stdout, stderr } = await shell.run('edit', 'secret', 's');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^lantern: .*object\.yaml: line \d+, column \d+: is not UTF-8; save the file as UTF-8\n$/);
    expect(await valueOfSecret()).toBe(OLD);
    expectNothingLeft();
  });

  test.each([
    ['when nothing was edited', ':'],
    ['when the file is empty', ': > "$1"'],
  ])('%s', async (_, script) => {
    useEditor(script);
    expect(await shell.run('edit', 'secret', 's')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'Edit cancelled, no changes made.\n',
    });
    expectNothingLeft();
  });

  test('when the editor fails', async () => {
    useEditor(`${CHANGE}; exit 3`);
    const { code, stderr } = await shell.run('edit', 'secret', 's');
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('the editor ended with 3') });
    expect(await valueOfSecret()).toBe(OLD);
    expectNothingLeft();
  });
});

describe('a mistake', () => {
  test('opens the file again, with what is wrong with it and with the edits', async () => {
    useEditor(
      `case $round in 1) sed -i 's/${OLD}/x!/; s/^type:.*/typo: x/' "$1";; *) sed -i 's/x!/${NEW}/; s/^typo: x/type: Opaque/' "$1";; esac`,
    );
    expect(await shell.run('edit', 'secret', 's')).toMatchObject({ code: 0, stdout: 'secret/s edited\n' });
    expect(seen()).toMatch(/^# \* .*data\[k\]: .*$/m);
    expect(seen()).toMatch(/^# \* .*typo: unknown field; did you mean "type"\?\n#\napiVersion/m);
    expect(await valueOfSecret()).toBe(NEW);
    expectNothingLeft();
  });

  test('left as it is gives up', async () => {
    useEditor(`[ $round = 2 ] || sed -i 's/name: s$/name: other/' "$1"`);
    const { code, stderr } = await shell.run('edit', 'secret', 's');
    expect(code).toBe(1);
    expect(stderr).toContain('metadata.name: must stay "s"');
    expect(stderr).toMatch(/\nlantern: Edit cancelled, no valid changes were saved\.\n$/);
    expectNothingLeft();
  });

  test('somebody else was faster', async () => {
    const manifest = shell.file(
      'theirs.yaml',
      'kind: Secret\napiVersion: v1\nmetadata: {name: s}\nstringData: {k: theirs}\n',
    );
    // The editor waits until the test has applied the other change.
    useEditor(
      `[ $round = 2 ] || { ${CHANGE}; echo open; while [ ! -e ${shell.at('applied')} ]; do sleep 0.05; done; }`,
    );
    const child = shell.start('edit', 'secret', 's');
    const [exited, complaints] = [once(child, 'exit'), child.stderr === null ? '' : text(child.stderr)];
    expect(await firstLine(child)).toBe('open');
    await shell.output('apply', '-f', manifest);
    shell.file('applied', '');
    expect(await exited).toEqual([1, null]);
    const stderr = await complaints;
    expect(stderr).toMatch(/resourceVersion ".*read it again/);
    expect(seen()).toMatch(/^# \* the object has been modified meanwhile: /m);
    expect(await valueOfSecret()).toBe(Buffer.from('theirs').toString('base64'));
  });
});

test.each(['SIGINT', 'SIGHUP'] as const)('%s leaves no file', async (signal) => {
  useEditor('echo open; exec sleep 600');
  const child = shell.start('edit', 'secret', 's');
  const exited = once(child, 'exit');
  expect(await firstLine(child)).toBe('open');
  child.kill(signal);
  expect(await exited).toEqual([1, null]);
  expect(await valueOfSecret()).toBe(OLD);
  expectNothingLeft();
});

test('the file of an edit that was killed is removed by the next one', async () => {
  useEditor('echo $$; exec sleep 600');
  const killed = shell.start('edit', 'secret', 's');
  const exited = once(killed, 'exit');
  const editor = Number(await firstLine(killed));
  killed.kill('SIGKILL');
  process.kill(editor, 'SIGKILL');
  await exited;
  const file = /^600 (.*)$/m.exec(seen())?.[1] ?? '';
  expect(readFileSync(file, 'utf8')).toContain(OLD);
  useEditor(':');
  await shell.run('edit', 'secret', 's');
  expect(existsSync(dirname(file))).toBe(false);
  expectNothingLeft();
});

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { draftOf, OBJECT_KINDS, type ObjectDraft, refKey, refOf } from '../../src/objects/object.ts';
import { connect } from '../../src/rpc/client.ts';
import { objectFromWire } from '../../src/rpc/lantern/object-messages.ts';
import { isSameContents } from '../../src/stores/kept/next-state.ts';
import { CommandLine } from '../support/suite/command-line.ts';
import { compiled } from '../support/suite/compiled.ts';

// Values that must show up in the stores alone, and in what was asked for in the clear.
const PLANTED = ['pl4nted-secret', 'pl4nted-label', 'pl4nted-annotation', 'pl4nted-config', 'pl4nted-name'];
const [VALUE, LABEL, ANNOTATION, CONFIG, NAME] = PLANTED;
const BINARY = Buffer.from([0, 255, 10, 13, 128, 0]).toString('base64');
const ACCOUNT_OF_TOKEN = 'kubernetes.io/service-account.name';

const OBJECTS = `
{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: shop}, imagePullSecrets: [{name: pull}]}
---
apiVersion: v1
kind: Secret
metadata: {name: robot-token, namespace: shop, annotations: {${ACCOUNT_OF_TOKEN}: robot}}
type: kubernetes.io/service-account-token
---
apiVersion: v1
kind: Secret
metadata: {name: ${NAME}, labels: {a: ${LABEL}}, annotations: {b: "${ANNOTATION}"}}
type: example.com/odd
immutable: true
stringData: {password: ${VALUE}, empty: ""}
data: {bytes: ${BINARY}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: other}
data: {text: "${CONFIG}\\n\\t¬", octal: "0400", date: "2026-11-25"}
binaryData: {raw: ${BINARY}}
---
apiVersion: lantern.dev/v1
kind: ProjectedVolume
metadata: {name: pv}
spec: {projected: {sources: [{secret: {name: x, items: [{key: a, path: b/c, mode: 0400}]}}]}}
`;

let from: CommandLine;
let key: string;
let archive: string;
/** All that commands have printed. */
let said = '';

beforeAll(async () => {
  from = new CommandLine();
  await from.serve('--store', 'embedded');
});
beforeAll(async () => {
  const { code, stderr } = await from.runWithInput(OBJECTS, 'apply', '-f', '-');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  await tokenOf(from);
  key = from.at('archive.key');
  archive = from.at('objects.archive');
  const outcome = await run(from, 'export', '--key-file', key, '--new-key', archive);
  expect(outcome).toEqual({
    code: 0,
    stdout: `6 objects exported to ${archive}, encrypted with ${key}\n`,
    stderr: '',
  });
});
afterAll(async () => {
  await from[Symbol.asyncDispose]();
});

async function run(shell: CommandLine, ...args: readonly string[]) {
  const outcome = await shell.run(...args);
  said += outcome.stdout + outcome.stderr;
  return outcome;
}

async function importInto(shell: CommandLine, ...flags: readonly string[]) {
  return await run(shell, 'import', '--key-file', key, ...flags, archive);
}

async function daemonWith(store: 'memory' | 'embedded'): Promise<CommandLine> {
  const shell = new CommandLine();
  await shell.serve('--store', store);
  return shell;
}

async function contentsOf(shell: CommandLine): Promise<Map<string, ObjectDraft>> {
  using daemon = connect(shell.socket);
  const lists = await Promise.all(OBJECT_KINDS.map((kind) => daemon.objects.list({ kind, withData: true })));
  const drafts = lists.flatMap(({ objects }) => objects.map((object) => draftOf(objectFromWire(object))));
  return new Map(drafts.map((draft) => [refKey(refOf(draft)), draft]));
}

/** The objects that the daemon has no part in. */
function users(contents: ReadonlyMap<string, ObjectDraft>): Map<string, ObjectDraft> {
  return new Map([...contents].filter(([name]) => !/robot-token|signing-keys/.test(name)));
}

function expectSame(found: ReadonlyMap<string, ObjectDraft>, wanted: ReadonlyMap<string, ObjectDraft>): void {
  expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
  const differing = [...wanted].filter(([name, draft]) => {
    const other = found.get(name);
    return other === undefined || !isSameContents(draft, other);
  });
  expect(differing.map(([name]) => name)).toEqual([]);
}

/** The token in the Secret, once it is there and is for the account as it is. */
async function tokenOf(shell: CommandLine): Promise<string> {
  using daemon = connect(shell.socket);
  return await vi.waitFor(async () => {
    const ref = { namespace: 'shop', name: 'robot-token', kind: 'Secret' };
    const { object } = await daemon.objects.get({ ref, withData: true });
    const token = object?.secret?.data.token?.toString() ?? '';
    const account = await daemon.objects.get({ ref: { namespace: 'shop', name: 'robot', kind: 'ServiceAccount' } });
    expect(decodeJwt(token)['kubernetes.io/serviceaccount/service-account.uid']).toBe(account.object?.metadata?.uid);
    return token;
  });
}

const verify = async (token: string, shell: CommandLine) =>
  await jwtVerify(token, createLocalJWKSet(JSON.parse(await shell.output('jwks'))));

describe('from an embedded store into one in memory', () => {
  let to: CommandLine;
  beforeAll(async () => {
    to = await daemonWith('memory');
  });
  afterAll(async () => {
    await to[Symbol.asyncDispose]();
  });

  test('a dry run says what would come of it and stores nothing', async () => {
    const { code, stdout, stderr } = await importInto(to, '--dry-run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      'secrets: 1 configured, 2 created (dry run)\nconfigmaps: 1 created (dry run)\n' +
        'serviceaccounts: 1 created (dry run)\nprojectedvolumes: 1 created (dry run)\n',
    );
    expect(users(await contentsOf(to)).size).toBe(0);
  });

  test('everything arrives, byte for byte', async () => {
    const { code, stdout, stderr } = await importInto(to);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^secrets: 1 configured, 2 created\nconfigmaps: 1 created\n/);
    const wanted = await contentsOf(from);
    expect(users(wanted).size).toBe(4);
    expectSame(users(await contentsOf(to)), users(wanted));
  });

  test('a repeat changes nothing, though the daemon has filled the token Secret anew', async () => {
    const before = await tokenOf(to);
    const { code, stdout } = await importInto(to);
    expect(code).toBe(0);
    expect(stdout).toBe(
      'secrets: 3 unchanged\nconfigmaps: 1 unchanged\nserviceaccounts: 1 unchanged\nprojectedvolumes: 1 unchanged\n',
    );
    expect(await tokenOf(to)).toBe(before);
  });

  test('tokens that the other daemon issued verify, and both sign with the same key from now on', async () => {
    const issued = (await from.output('create', 'token', 'robot', '-n', 'shop')).trimEnd();
    for (const token of [issued, await tokenOf(from), await tokenOf(to)]) await verify(token, to);
    expect(decodeProtectedHeader(await tokenOf(to)).kid).toBe(decodeProtectedHeader(issued).kid);
  });
});

test('tokens that the importing daemon issued before verify as well', async () => {
  await using to = await daemonWith('memory');
  const before = (await to.output('create', 'token', 'default')).trimEnd();
  expect((await importInto(to)).code).toBe(0);
  await verify(before, to);
});

describe('objects that are stored already and differ', () => {
  let to: CommandLine;
  beforeAll(async () => {
    to = await daemonWith('memory');
    const mine = `
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: other}, data: {mine: yes please}}
---
{apiVersion: v1, kind: Secret, metadata: {name: ${NAME}}, type: example.com/odd, immutable: true, stringData: {mine: "1"}}
`;
    expect((await to.runWithInput(mine, 'apply', '-f', '-')).code).toBe(0);
  });
  afterAll(async () => {
    await to[Symbol.asyncDispose]();
  });

  test.each([[], ['--dry-run']])('are all named, and nothing is stored %s', async (...flags) => {
    const before = await contentsOf(to);
    const { code, stderr } = await importInto(to, ...flags);
    expect(code).toBe(1);
    expect(stderr.split('\n').sort()).toEqual([
      '',
      'lantern: ConfigMap other/settings already exists and differs',
      `lantern: Secret default/${NAME} already exists and differs`,
      expect.stringMatching(/^lantern: nothing was imported .*--overwrite .*--skip-existing/),
    ]);
    expectSame(await contentsOf(to), before);
  });

  test('--skip-existing leaves them', async () => {
    const { code, stdout, stderr } = await importInto(to, '--skip-existing');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^secrets: 1 created, 2 skipped\nconfigmaps: 1 skipped\nserviceaccounts: 1 created\n/);
    expect((await contentsOf(to)).get('ConfigMap/other/settings')).toMatchObject({
      data: new Map([['mine', 'yes please']]),
    });
  });

  test('--overwrite replaces what may be replaced, and fails for the rest', async () => {
    const { code, stdout, stderr } = await importInto(to, '--overwrite');
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^lantern: import Secret default/${NAME}: .*immutable.*\n$`));
    expect(stdout).toMatch(/^configmaps: 1 configured$/m);
    const wanted = await contentsOf(from);
    wanted.delete(`Secret/default/${NAME}`);
    const found = await contentsOf(to);
    expect(found.delete(`Secret/default/${NAME}`)).toBe(true);
    expectSame(users(found), users(wanted));
  });
});

describe('files', () => {
  test('the archive and its key are for nobody else, and hold nothing in the clear', () => {
    for (const path of [archive, key]) expect(statSync(path).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(archive, 'latin1');
    for (const text of [...PLANTED, 'robot', 'Secret', 'settings']) {
      expect(bytes).not.toContain(text);
      expect(bytes).not.toContain(Buffer.from(text).toString('base64').replaceAll('=', ''));
    }
  });

  test('a file that exists is replaced with --force alone', async () => {
    const path = from.file('precious', 'precious');
    const refused = await run(from, 'export', '--key-file', key, path);
    expect(refused).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/exists already; .*--force/) });
    expect(readFileSync(path, 'utf8')).toBe('precious');
    expect((await run(from, 'export', '--key-file', key, '--force', path)).code).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'latin1')).toMatch(/^lantern archive 1\n/);
  });

  test('the key is never replaced by the archive that it alone opens', async () => {
    const before = readFileSync(key);
    const names = [key, from.at('key-by-link'), from.at('key-by-name')] as const;
    symlinkSync(key, names[1]);
    linkSync(key, names[2]);
    for (const path of names) {
      const outcome = await run(from, 'export', '--key-file', key, '--force', path);
      expect(outcome).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/is the key file;/) });
      expect(readFileSync(path)).toEqual(before);
    }
    const fresh = from.at('fresh');
    expect((await run(from, 'export', '--key-file', fresh, '--new-key', fresh)).code).toBe(2);
    expect(existsSync(fresh)).toBe(false);
    symlinkSync('.', from.at('here'));
    const made = await run(from, 'export', '--key-file', fresh, '--new-key', '--force', from.at('here', 'fresh'));
    expect(made.code).toBe(2);
    expect(readFileSync(fresh).length).toBe(45);
  });

  test('an export that fails leaves nothing', async () => {
    mkdirSync(from.at('empty'));
    await using down = new CommandLine();
    const outcome = await run(down, 'export', '--key-file', key, from.at('empty', 'x'));
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot reach the daemon/) });
    expect(readdirSync(from.at('empty'))).toEqual([]);
  });

  test("a missing key is not made unless asked for, and the daemon's own is not taken from the environment", async () => {
    vi.stubEnv('LANTERN_KEY_FILE', from.at('data', 'key'));
    try {
      const args = ['export', '--key-file', from.at('none'), from.at('unwritten')];
      expect(await run(from, ...args)).toMatchObject({ code: 1, stderr: expect.stringMatching(/it does not exist/) });
      expect((await run(from, 'export', from.at('unwritten'))).code).toBe(2);
    } finally {
      vi.unstubAllEnvs();
    }
    expect(existsSync(from.at('none')) || existsSync(from.at('unwritten'))).toBe(false);
  });
});

describe('import refuses', () => {
  let to: CommandLine;
  beforeAll(async () => {
    to = await daemonWith('memory');
  });
  afterAll(async () => {
    await to[Symbol.asyncDispose]();
  });

  test.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ['a flipped bit', (bytes) => Buffer.from(bytes.map((byte, index) => (index === 700 ? byte ^ 1 : byte))), /damaged/],
    ['a truncated file', (bytes) => bytes.subarray(0, -1), /damaged/],
    ['something longer', (bytes) => Buffer.concat([bytes, Buffer.of(0)]), /damaged/],
    ['nothing', () => Buffer.of(), /not an archive/],
    ['a manifest', () => Buffer.from(OBJECTS), /not an archive.*lantern apply/],
    [
      'a newer format',
      (bytes) => Buffer.from(bytes.toString('latin1').replace('archive 1', 'archive 2'), 'latin1'),
      /format/,
    ],
  ])('%s, with nothing stored', async (_what, change, message) => {
    writeFileSync(from.at('changed'), change(readFileSync(archive)));
    const outcome = await run(to, 'import', '--key-file', key, '--overwrite', from.at('changed'));
    expect(outcome).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
    expect(users(await contentsOf(to)).size).toBe(0);
  });

  test('another key, and says so', async () => {
    const other = from.at('other.key');
    expect((await run(from, 'export', '--key-file', other, '--new-key', from.at('other.archive'))).code).toBe(0);
    const outcome = await run(from, 'import', '--key-file', other, archive);
    expect(outcome).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/sealed with the key [0-9a-f]{16}, which is in none of the key files/),
    });
    expect((await importInto(from, '--key-file', other, '--dry-run')).code).toBe(0);
  });

  test('what is no regular file', async () => {
    const outcome = await run(from, 'import', '--key-file', key, from.at('targets'));
    expect(outcome).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/not a regular file/) });
    const fromStdin = await run(from, 'import', '--key-file', key, '-');
    expect(fromStdin).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/cannot be read from stdin/) });
  });
});

describe('--plain, asked for twice', () => {
  const flags = ['export', '--plain', '--yes-write-secrets-in-the-clear'];

  test.each([
    ['a full device', '>/dev/full', /^lantern: write to stdout: .*ENOSPC/],
    ['a reader that leaves', '| (exec <&-; sleep 0.1)', /^$/],
  ])('to %s is no success', async (_, destination, complaint) => {
    const command = [process.execPath, compiled('src/main.ts'), '--socket', from.socket, ...flags, '-'];
    const script = `set -o pipefail; ${command.map((word) => `'${word}'`).join(' ')} ${destination}`;
    const shell = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect({ status: shell.status, stderr: shell.stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(complaint),
    });
  });

  test('writes manifests that apply takes, to a file of nobody else and to stdout', async () => {
    const path = from.at('plain.yaml');
    const { code, stdout, stderr } = await run(from, ...flags, path);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/6 objects written to .*plain\.yaml, not encrypted\n/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain(CONFIG);
    expect(await from.output(...flags, '-')).toBe(readFileSync(path, 'utf8'));
    await using to = await daemonWith('embedded');
    await to.output('apply', '-f', path);
    expectSame(users(await contentsOf(to)), users(await contentsOf(from)));
  });
});

test.each<[NodeJS.Signals, 'encrypted' | 'in the clear']>([
  ['SIGKILL', 'in the clear'],
  ['SIGHUP', 'in the clear'],
  ['SIGKILL', 'encrypted'],
])('an export that %s ends leaves no file, %s', async (signal, how) => {
  const flags = how === 'encrypted' ? ['--key-file', key] : ['--plain', '--yes-write-secrets-in-the-clear'];
  const directory = from.directory(`killed by ${signal} ${how}`);
  const daemon = from.pid ?? Number.NaN;
  process.kill(daemon, 'SIGSTOP');
  try {
    const child = from.start('export', ...flags, `${directory}/out`);
    const over = once(child, 'exit');
    try {
      // The file and the spool are open: it waits for the first objects.
      await vi.waitFor(() => expect(openIn(directory, child.pid)).toBe(2), { timeout: 20_000 });
    } finally {
      child.kill(signal);
    }
    expect(await over).toEqual([null, signal]);
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    process.kill(daemon, 'SIGCONT');
  }
});

/** How many files in the directory the process has open, with a name or without. */
function openIn(directory: string, pid: number | undefined): number {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return links.filter((link) => link.startsWith(`${directory}/`)).length;
}

test('nothing planted was printed but the name of an object', () => {
  for (const text of PLANTED.filter((planted) => planted !== NAME)) expect(said).not.toContain(text);
  expect(said).toContain(NAME);
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { isRoot, mayMount, NOBODY } from '../support/host/privileges.ts';
import { freePort } from '../support/host/process.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { CommandLine } from '../support/suite/command-line.ts';
import { compiled, TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

type Checks = Readonly<
  Record<string, { readonly verdict: string; readonly finding: string; readonly nextStep: string }>
>;
type Report = { readonly verdict: string; readonly checks: Checks };

function reportOf(stdout: string): Report {
  const { verdict, checks } = JSON.parse(stdout) as { verdict: string; checks: { name: string }[] };
  return { verdict, checks: Object.fromEntries(checks.map(({ name, ...rest }) => [name, rest])) as Checks };
}

/** The mount table without what other tests do to it meanwhile. */
function mountsOf(path: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.includes(path) || line.includes('lantern-doctor') || line.includes('/probe'));
}

const asNobody = { uid: NOBODY, gid: NOBODY };
/** The work tree may lie below a private home. */
const mayNobodyRun = isRoot && spawnSync('test', ['-r', `${TOP}/package.json`], asNobody).status === 0;

describe('lantern doctor', () => {
  test('before the first start: nothing is made, nothing stays mounted', async () => {
    await using shell = new CommandLine();
    const before = mountsOf(shell.at());
    const { code, stdout, stderr } = await shell.run('doctor', '--run-dir', shell.at('run'), '-o', 'json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { verdict, checks } = reportOf(stdout);
    expect(['ok', 'warning', 'unknown']).toContain(verdict);
    expect(checks.node?.finding).toContain(process.version);
    expect(checks['bind publisher']?.verdict).toBe(mayMount ? 'ok' : 'warning');
    expect(checks['run directory']).toEqual({
      verdict: 'ok',
      finding: `"${shell.at('run')}" does not exist yet; the daemon creates it.`,
      nextStep: '',
    });
    expect(checks.daemon).toEqual({ verdict: 'ok', finding: 'No daemon is running here.', nextStep: 'lantern serve' });
    expect(checks.kubelet).toBeUndefined();
    expect(readdirSync(shell.at())).toEqual(['targets']);
    expect(mountsOf(shell.at())).toEqual(before);
  });

  test('takes the options of etcd, as serve does', async () => {
    await using shell = new CommandLine();
    const etcd = ['--store', 'etcd', '--etcd-endpoints', 'http://127.0.0.1:1', '--key-file', shell.at('key')];
    const { stderr, stdout } = await shell.run('doctor', '--run-dir', shell.at('run'), ...etcd, '-o', 'json');
    expect(stderr).toBe('');
    expect(reportOf(stdout).checks['data directory']).toBeUndefined();
  });

  test('with a daemon, and with one whose socket was opened to everybody', async () => {
    await using shell = new CommandLine();
    await shell.serve();
    const doctor = () => shell.run('doctor', '--run-dir', shell.at('run'), '--publisher', 'direct', '-o', 'json');
    const well = await doctor();
    expect(well.code).toBe(0);
    expect(reportOf(well.stdout).checks).toMatchObject({
      daemon: { verdict: 'ok', finding: `A daemon is serving at "${shell.socket}".` },
      sockets: { verdict: 'ok' },
      'run directory': { verdict: 'ok' },
      'data directory': { verdict: 'ok' },
      'key files': { verdict: 'ok' },
    });
    chmodSync(shell.socket, 0o666);
    const ill = await doctor();
    expect(ill.code).toBe(1);
    expect(ill.stderr).toBe('');
    const { verdict, checks } = reportOf(ill.stdout);
    expect(verdict).toBe('problem');
    expect(checks.sockets).toMatchObject({
      verdict: 'problem',
      finding: `"${shell.socket}" has mode 0666: all users can read every secret through it.`,
    });
  });

  test('a store whose key was lost: what the doctor calls a problem is what keeps the daemon from starting', async () => {
    await using shell = new CommandLine();
    await shell.serve();
    await shell.stopServing();
    rmSync(shell.at('data', 'key'));
    const args = ['--run-dir', shell.at('run'), '--publisher', 'direct'];
    const { code, stdout } = await shell.run('doctor', ...args, '-o', 'json');
    expect(code).toBe(1);
    expect(reportOf(stdout).checks['key files']).toMatchObject({
      verdict: 'problem',
      finding: expect.stringContaining(`"${shell.at('data', 'key')}" is missing`),
    });
    const refused = await shell.run('serve', ...args, '--log-level', 'error');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(shell.at('data', 'key'));
  });

  test('for people: a line for each check, and what to do below it', async () => {
    await using shell = new CommandLine();
    const stdout = await shell.output('doctor', '--run-dir', shell.at('run'), '--publisher', 'direct');
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^VERDICT +CHECK +FINDING$/);
    expect(lines[1]).toBe(`ok        node               Node.js ${process.version} is new enough.`);
    const daemon = lines.findIndex((line) => /^ok +daemon +No daemon is running here\.$/.test(line));
    expect(lines[daemon + 1]).toMatch(/^ +→ lantern serve$/);
    // A pipe is no terminal.
    expect(stdout).not.toContain('\u001b');
  });

  test('a Kubernetes host without a kubelet is a problem', async () => {
    await using shell = new CommandLine();
    const root = shell.at('kubelet', 'pods');
    const args = ['--run-dir', shell.at('run'), '--host', 'kubernetes', '--target-root', root, '-o', 'json'];
    const { code, stdout } = await shell.run('doctor', ...args);
    expect(code).toBe(1);
    expect(reportOf(stdout).checks).toMatchObject({
      kubelet: { verdict: 'problem', finding: expect.stringContaining(`"${root}" is not a directory here`) },
      registration: { verdict: 'warning' },
    });
  });

  test('settings that serve would refuse are refused', async () => {
    await using shell = new CommandLine();
    expect(await shell.run('doctor', '--pool-size', 'big')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'lantern: --pool-size: "big" must be a size, e.g. 64Mi\n',
    });
    expect((await shell.run('doctor', '--socket', '/x')).code).toBe(2);
  });

  test.runIf(mayNobodyRun)('without privileges: bind mounts are out of reach, and that is said', async () => {
    using directory = new TempDir('/dev/shm');
    chmodSync(directory.path, 0o755);
    const args = ['doctor', '--run-dir', directory.at('run'), '--data-dir', directory.at('data'), '-o', 'json'];
    const child = spawn(process.execPath, [compiled('src/main.ts'), ...args], { ...asNobody, env: {}, cwd: '/' });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(reportOf(stdout).checks).toMatchObject({
      user: { verdict: 'warning', finding: expect.stringContaining(`user ${NOBODY}`) },
      kernel: { verdict: 'ok' },
      'bind publisher': { verdict: 'warning', finding: expect.stringContaining('not permitted') },
      'direct publisher': { verdict: 'ok' },
    });
    expect(readdirSync(directory.path)).toEqual([]);
  });

  test.runIf(mayMount)('pools that a daemon left (needs root)', async () => {
    await using shell = new CommandLine();
    await using harness = await DaemonHarness.start({ publisher: 'bind' });
    await harness.applySecret('left', { key: 'value' });
    const definition = { source: { secret: { secretName: 'left' } } };
    await harness.client.projector.mount({ volumeId: 'left', definition, targetPath: harness.target('left') });
    const pools = async () => {
      const { stdout } = await shell.run('doctor', '--run-dir', harness.runDirectory, '-o', 'json');
      return reportOf(stdout).checks.pools;
    };
    expect(await pools()).toMatchObject({ verdict: 'ok', finding: 'The daemon has 1 pool mounted.' });
    await harness.end();
    expect(await pools()).toMatchObject({
      verdict: 'warning',
      finding: 'An earlier daemon left 1 pool and the mounts of its volumes.',
    });
    expect(readFileSync(`${harness.target('left')}/key`, 'utf8')).toBe('value');
  });
});

describe('lantern health', () => {
  test('0 with a daemon that serves, 1 and one line without', async () => {
    await using shell = new CommandLine();
    await shell.serve();
    expect(await shell.run('health')).toEqual({ code: 0, stdout: 'serving\n', stderr: '' });
    await shell.stopServing();
    expect(await shell.run('health')).toEqual({
      code: 1,
      stdout: '',
      stderr: `lantern: the daemon at "${shell.socket}" is not serving: the socket does not exist\n`,
    });
    expect((await shell.run('health', '--socket', shell.file('no-socket', ''))).stderr).toMatch(
      /^lantern: the daemon at ".*no-socket" is not serving: nothing listens there\n$/,
    );
  });
});

test('serve with a busy metrics address ends with one line, and leaves no socket', async () => {
  await using shell = new CommandLine();
  const address = `127.0.0.1:${await freePort()}`;
  await shell.serve('--metrics-address', address);
  const other = ['--run-dir', shell.at('other'), '--data-dir', shell.at('other-data'), '--publisher', 'direct'];
  const { code, stdout, stderr } = await shell.run(
    'serve',
    ...other,
    '--metrics-address',
    address,
    '--log-level',
    'error',
  );
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: `lantern: serve pages on "${address}": another process listens there; stop it, or choose another address\n`,
  });
  expect(existsSync(shell.at('other', 'lantern.sock'))).toBe(false);
  expect(existsSync(shell.at('other-data'))).toBe(false);
});

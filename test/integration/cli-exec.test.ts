import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isRoot, mayMount } from '../support/host/privileges.ts';
import { CommandLine, firstLine, type Outcome } from '../support/suite/command-line.ts';
import { compiled } from '../support/suite/compiled.ts';

const SECRET = `
apiVersion: v1
kind: Secret
metadata: {name: mysecret}
data: {username: YWRtaW4=, password: MWYyZDFlMmU2N2Rm}
`;

/** The seed's, with a container more and variables. */
const POD = `
apiVersion: v1
kind: Pod
metadata: {name: mypod}
spec:
  automountServiceAccountToken: false
  initContainers:
  - {name: first, image: redis}
  containers:
  - name: mypod
    image: redis
    env:
    - {name: SECRET_USERNAME, valueFrom: {secretKeyRef: {name: mysecret, key: username}}}
    - {name: GREETING, value: from the pod}
    volumeMounts:
    - {name: foo, mountPath: /etc/foo, readOnly: true}
    - {name: foo, mountPath: /no-such-lantern-root/deep/foo}
    - {name: foo, mountPath: /etc/lantern-username, subPath: username}
  - {name: other, image: redis, env: [{name: __proto__, value: odd}]}
  volumes:
  - {name: foo, secret: {secretName: mysecret}}
`;

/** What is said to those who may not mount. */
const NOT_AT_MOUNT_PATH = /^lantern: the volumes are below LANTERN_ROOT .*\n/;

class ExecShell extends CommandLine {
  readonly pod = this.file('pod.yaml', POD);
  readonly #scratch = this.at('scratch');

  async begin(publisher: 'direct' | 'bind'): Promise<void> {
    mkdirSync(this.#scratch, { recursive: true });
    await this.serve('--store', 'memory', '--publisher', publisher, '--unmount-on-exit');
    await this.output('apply', '-f', this.file('secret.yaml', SECRET));
  }

  /** For commands; `exec` mounts for itself below XDG_RUNTIME_DIR. */
  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, LANTERN_SOCKET: this.socket, XDG_RUNTIME_DIR: this.#scratch };
  }

  override start(...args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [compiled('src/main.ts'), ...args], { env: this.environment });
  }

  /** What `exec` has left: mounted pods, directories, mounts. */
  async leftovers(): Promise<readonly string[]> {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    const pods = await this.run('pod', 'status', '-A');
    return [
      ...(pods.stderr === 'No pods are mounted.\n' ? [] : [pods.stdout]),
      ...readdirSync(this.#scratch),
      ...mounts.filter((line) => line.includes(this.#scratch)),
    ];
  }

  exec(...words: readonly string[]): Promise<Outcome> {
    return this.run('exec', '-f', this.pod, '-c', 'mypod', '--', ...words);
  }

  sh(script: string): Promise<Outcome> {
    return this.exec('sh', '-c', script);
  }

  /** In a session of its own, as what a terminal's group gets is not passed on. */
  spawnExec(script: string, ...before: readonly string[]): ChildProcess {
    const [file = '', ...args] = [...before, process.execPath, compiled('src/main.ts'), 'exec', '-f', this.pod];
    const words = [...args, '-c', 'mypod', '--', 'sh', '-c', script];
    const child = spawn(file, words, { env: this.environment, detached: true });
    onTestFinished(() => endSession(child));
    return child;
  }
}

/** Of a test that failed, which may have left it running. */
function endSession({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself, as it should.
  }
}

describe.runIf(mayMount).each(['direct', 'bind'] as const)('volumes of the %s publisher (needs root)', (publisher) => {
  let shell: ExecShell;
  beforeAll(async () => {
    shell = new ExecShell();
    await shell.begin(publisher);
  });
  afterAll(async () => {
    await shell[Symbol.asyncDispose]();
  });

  test('volumes are at their mountPath, whether it is there or not', async () => {
    const before = readdirSync('/etc');
    const script = 'cat /etc/foo/username /no-such-lantern-root/deep/foo/password /etc/lantern-username; ls /etc/foo';
    expect(await shell.sh(script)).toEqual({
      code: 0,
      stdout: 'admin1f2d1e2e67dfadminpassword\nusername\n',
      stderr: '',
    });
    expect(await shell.leftovers()).toEqual([]);
    expect(readdirSync('/etc')).toEqual(before);
    expect(readdirSync('/')).not.toContain('no-such-lantern-root');
  });

  test('volumes are read-only, the host is as it was and can be written to', async () => {
    const at = shell.at('written');
    const script = [
      'touch /etc/foo/new 2>/dev/null || echo refused',
      `echo hello > '${at}'`,
      'ls -A /etc | grep -vxE "foo|lantern-username"',
      'stat -c %a:%u:%g / /etc /tmp /etc/passwd',
      'readlink /proc/self/root; pwd; cat /proc/self/comm; grep -c /stage /proc/self/mountinfo',
    ].join('; ');
    const host = ['/', '/etc', '/tmp', '/etc/passwd'];
    const expected = host.map((path) => {
      const { mode, uid, gid } = lstatSync(path);
      return `${(mode & 0o7777).toString(8)}:${uid}:${gid}`;
    });
    const lines = (await shell.sh(script)).stdout.trimEnd().split('\n');
    const names = readdirSync('/etc').filter((name) => !/^(foo|lantern-username)$/.test(name));
    expect(lines.slice(1, 1 + names.length).sort()).toEqual(names.sort());
    // The last: no mirror holds a copy of itself.
    const rest = [lines[0], ...lines.slice(1 + names.length)];
    expect(rest).toEqual(['refused', ...expected, '/', process.cwd(), 'cat', '0']);
    expect(readFileSync(at, 'utf8')).toBe('hello\n');
  });

  test('an update is seen by the command while it runs', async () => {
    // With `direct`, each mountPath is a copy with a swap of its own: both are waited for.
    const shown = 'grep -q second /etc/foo/username && grep -q second /no-such-lantern-root/deep/foo/username';
    const child = shell.spawnExec(
      `cat /etc/foo/username; echo; until ${shown}; do sleep 0.02; done; cat /etc/lantern-username /no-such-lantern-root/deep/foo/username`,
    );
    if (child.stdout === null) throw new Error('a stream is missing');
    const output = text(child.stdout);
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited]);
    const changed = SECRET.replace('YWRtaW4=', Buffer.from('second').toString('base64'));
    await shell.runWithInput(changed, 'apply', '-f', '-');
    expect(await exited).toEqual([0, null]);
    // The subPath keeps what it had.
    expect(await output).toBe('admin\nadminsecond');
    await shell.runWithInput(SECRET, 'apply', '-f', '-');
    expect(await shell.leftovers()).toEqual([]);
  });
});

describe('how it ends', () => {
  let shell: ExecShell;
  beforeAll(async () => {
    shell = new ExecShell();
    await shell.begin('direct');
  });
  afterAll(async () => {
    await shell[Symbol.asyncDispose]();
  });

  test.each([
    ['sh -c "exit 0"', ['sh', '-c', 'exit 0'], 0, ''],
    ['sh -c "exit 3"', ['sh', '-c', 'exit 3'], 3, ''],
    ['a command that a signal ends', ['sh', '-c', 'kill -TERM $$'], 143, ''],
    ['nothing of that name', ['no-such-command'], 127, 'lantern: "no-such-command": command not found\n'],
    ['a directory', ['/'], 126, expect.stringMatching(/^lantern: "\/": cannot execute: /)],
  ])('%s ends it as a shell would, and nothing is left', async (_name, words, code, complaint) => {
    const { stderr, ...ending } = await shell.exec(...words);
    expect(ending).toEqual({ code, stdout: '' });
    expect(stderr.replace(NOT_AT_MOUNT_PATH, '')).toEqual(complaint);
    expect(await shell.leftovers()).toEqual([]);
  });

  test.each([
    ['SIGTERM', 'TERM'],
    ['SIGINT', 'INT'],
    ['SIGHUP', 'HUP'],
    ['SIGQUIT', 'QUIT'],
    ['SIGWINCH', 'WINCH'],
    ['SIGUSR1', 'USR1'],
    ['SIGUSR2', 'USR2'],
    ['SIGALRM', 'ALRM'],
  ] as const)('%s goes to the command, whose own end counts', async (signal, name) => {
    const child = shell.spawnExec(`trap 'echo caught; exit 7' ${name}; echo ready; while :; do sleep 0.02; done`);
    expect(await firstLine(child)).toBe('ready');
    const exited = once(child, 'exit');
    child.kill(signal);
    expect(await exited).toEqual([7, null]);
    expect(await shell.leftovers()).toEqual([]);
  });

  test('a daemon that is being restarted at the end is waited for', async () => {
    const child = shell.spawnExec(`echo ready; until [ -e '${shell.at('go')}' ]; do sleep 0.02; done; exit 7`);
    expect(await firstLine(child)).toBe('ready');
    const exited = once(child, 'exit');
    await shell.stopServing();
    shell.file('go', '');
    await shell.begin('direct');
    expect(await exited).toEqual([7, null]);
    expect(await shell.leftovers()).toEqual([]);
  });

  test('nobody who reads what it has to say is no reason to leave anything behind', async () => {
    const args = [compiled('src/main.ts'), 'exec', '-f', shell.pod, '--', 'echo', 'done'];
    const child = spawn(process.execPath, args, { env: shell.environment });
    child.stderr.destroy();
    const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect({ stdout, code, left: await shell.leftovers() }).toEqual({ stdout: 'done\n', code: 0, left: [] });
  });

  test('a command that does not catch the signal ends by it', async () => {
    const child = shell.spawnExec('echo ready; exec sleep 60');
    expect(await firstLine(child)).toBe('ready');
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([143, null]);
    expect(await shell.leftovers()).toEqual([]);
  });

  test('what a killed exec leaves is taken away by the next one, but not before its command has ended', async () => {
    const child = shell.spawnExec('echo $$; exec sleep 60');
    const command = Number(await firstLine(child));
    if (child.stdout === null) throw new Error('a stream is missing');
    // The command has it open still when its `exec` is gone.
    const commandEnded = once(child.stdout, 'end');
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    const left = await shell.leftovers();
    expect(left).toEqual(expect.arrayContaining([expect.stringMatching(/mypod.*foo/s)]));
    const beside = await shell.exec('true');
    expect({ ...beside, left: await shell.leftovers() }).toMatchObject({ code: 0, left });
    expect(beside.stderr.replace(NOT_AT_MOUNT_PATH, '')).toBe('');
    process.kill(command, 'SIGKILL');
    await commandEnded;
    const next = await shell.exec('true');
    expect(next.code).toBe(0);
    expect(next.stderr).toMatch(/^lantern: removed what a killed exec left at \/.*\/lantern-exec-\w+\n/);
    expect(await shell.leftovers()).toEqual([]);
  });

  test.each(['SIGINT', 'SIGHUP'] as const)('%s while it waits for an object: nothing is left', async (signal) => {
    const missing = shell.file('missing.yaml', POD.replace('secretName: mysecret', 'secretName: not-there'));
    const child = shell.start('exec', '-f', missing, '-c', 'mypod', '--wait', '1m', '--', 'true');
    const { stderr } = child;
    if (stderr === null) throw new Error('a stream is missing');
    const exited = once(child, 'exit');
    const [words] = await once(stderr, 'data');
    expect(String(words)).toMatch(/^lantern: waiting for up to 60 s: .*not-there/);
    child.kill(signal);
    expect(await exited).toEqual([1, null]);
    expect(await shell.leftovers()).toEqual([]);
  });
});

describe('variables', () => {
  let shell: ExecShell;
  beforeAll(async () => {
    shell = new ExecShell();
    await shell.begin('direct');
  });
  afterAll(async () => {
    await shell[Symbol.asyncDispose]();
  });

  test("the container's come on top of the caller's", async () => {
    const env = { ...shell.environment, GREETING: 'from the caller', KEPT: 'kept' };
    const args = [compiled('src/main.ts'), 'exec', '-f', shell.pod, '-c', 'mypod', '--', 'sh', '-c'];
    const child = spawn(process.execPath, [...args, 'echo "$SECRET_USERNAME $GREETING $KEPT"'], { env });
    const [stdout] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(stdout).toBe('admin from the pod kept\n');
  });

  test('--clean-env leaves the caller out; odd names are passed; the default container is named', async () => {
    const odd = await shell.run('exec', '-f', shell.pod, '-c', 'other', '--clean-env', '--', 'env');
    expect(odd).toEqual({ code: 0, stdout: '__proto__=odd\nLANTERN_ROOT=\n', stderr: '' });
    const { stderr } = await shell.run('exec', '-f', shell.pod, '--', 'true');
    expect(stderr).toContain('Defaulted container "mypod" out of: mypod, other, first\n');
  });

  test('more than the kernel takes is said, not thrown', async () => {
    const long = shell.file('long.yaml', POD.replace('value: odd', `value: ${'x'.repeat(2 ** 17)}`));
    expect(await shell.run('exec', '-f', long, '-c', 'other', '--', 'true')).toEqual({
      code: 126,
      stdout: '',
      stderr:
        'lantern: "true": cannot execute: arguments and environment exceed the kernel\'s limit (E2BIG); pass fewer\n',
    });
  });

  test('options after -- are those of the command; stdin is its own', async () => {
    const args = ['exec', '-f', shell.pod, '-c', 'other', '--', 'sh', '-c', 'cat; echo "$@"', 'sh', '--help', '-c'];
    expect((await shell.runWithInput('input\n', ...args)).stdout).toBe('input\n--help -c\n');
  });

  test('values are in no arguments', async () => {
    const { stdout } = await shell.sh('tr "\\0" "\\n" < /proc/$PPID/cmdline; tr "\\0" "\\n" < /proc/$$/cmdline');
    expect(stdout).toContain('exec\n-f\n');
    expect(stdout).not.toMatch(/admin|1f2d1e2e67df/);
  });

  test('a value that is no text is refused rather than changed', async () => {
    const bytes = Buffer.from([0xff, 0xfe]).toString('base64');
    await shell.runWithInput(SECRET.replace('YWRtaW4=', bytes), 'apply', '-f', '-');
    expect(await shell.exec('true')).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^lantern: exec: the value of the variable "SECRET_USERNAME" is not UTF-8;/),
    });
    expect(await shell.leftovers()).toEqual([]);
    await shell.runWithInput(SECRET, 'apply', '-f', '-');
  });
});

test('without a daemon it says so, and leaves nothing', async () => {
  await using shell = new ExecShell();
  await shell.begin('direct');
  await shell.stopServing();
  expect(await shell.exec('true')).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^lantern: cannot reach the daemon at .*\n$/),
  });
  await shell.begin('direct');
  expect(await shell.leftovers()).toEqual([]);
});

describe('without privileges', () => {
  test('the volumes stay below $LANTERN_ROOT, which is said, and then nothing is left', async () => {
    await using shell = new ExecShell();
    await shell.begin('direct');
    // Root without the capability is refused as everybody else is.
    const withoutRights = isRoot ? ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'] : [];
    const child = shell.spawnExec('cat "$LANTERN_ROOT/etc/foo/username"; echo " $SECRET_USERNAME"', ...withoutRights);
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('a stream is missing');
    const [printed, said, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')]);
    expect({ printed, code }).toEqual({ printed: 'admin admin\n', code: 0 });
    expect(said).toMatch(
      /^lantern: the volumes are below LANTERN_ROOT \(\/.*\/root\/mypod\), not at their mountPath: .*\(EPERM\)[^\n]*\n$/,
    );
    expect(await shell.leftovers()).toEqual([]);
  });
});

test.runIf(mayMount)(
  'where the thread cannot come back from the mount namespace nothing is left either (needs root)',
  async () => {
    await using shell = new ExecShell();
    await shell.begin('bind');
    const child = shell.spawnExec('cat /etc/foo/username', 'setpriv', '--bounding-set=-sys_chroot');
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('a stream is missing');
    const [printed, said, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')]);
    expect({ printed, said, code }).toEqual({ printed: 'admin', said: '', code: 0 });
    expect(await shell.leftovers()).toEqual([]);
  },
);

test.runIf(mayMount)('a daemon whose mounts cannot be seen is told about, not run without (needs root)', async () => {
  await using shell = new ExecShell();
  await shell.begin('bind');
  // The inner one is in the mount namespace that the outer one made.
  const inner = [process.execPath, compiled('src/main.ts'), 'exec', '-f', shell.pod, '-c', 'mypod', '--', 'true'];
  const { code, stderr } = await shell.exec(...inner);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^lantern: exec in container "mypod": .* cannot be seen here, .*different mount namespaces;/);
  expect(await shell.leftovers()).toEqual([]);
});

describe.runIf(mayMount)('paths where nothing can be mounted (needs root)', () => {
  let shell: ExecShell;
  beforeAll(async () => {
    shell = new ExecShell();
    await shell.begin('direct');
  });
  afterAll(async () => {
    await shell[Symbol.asyncDispose]();
  });

  test.each([
    ['/proc/lantern', /nothing can be added to "\/proc"/],
    ['/etc/passwd', /the host has a file there, but the volume is a directory/],
    ['/etc/passwd/foo', /mount a volume at "\/etc\/passwd\/foo"/],
  ])('%s', async (mountPath, problem) => {
    const pod = shell.file('odd.yaml', POD.replaceAll('/etc/foo', mountPath));
    const { code, stderr } = await shell.run('exec', '-f', pod, '-c', 'mypod', '--', 'true');
    expect(code).toBe(1);
    expect(stderr).toMatch(problem);
    expect(await shell.leftovers()).toEqual([]);
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { canDo, isRoot, looks, mayMount, NOBODY } from '../support/host/privileges.ts';
import { CommandLine } from '../support/suite/command-line.ts';
import { compiled } from '../support/suite/compiled.ts';

const OTHER = 40_001;
const TOKEN = 'var/run/secrets/kubernetes.io/serviceaccount/token';

const podOf = (securityContext: string) => `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  securityContext: {${securityContext}}
  containers: [{name: app, image: busybox}]
`;

/** A daemon of root or of nobody, and commands of nobody. */
class Shell extends CommandLine {
  readonly #program = compiled('src/main.ts');
  #isOfNobody = false;

  async begin(user: 'root' | 'nobody', publisher: 'bind' | 'direct'): Promise<void> {
    chmodSync(this.at(''), 0o711);
    this.#isOfNobody = user === 'nobody';
    for (const name of ['scratch', 'roots', 'run', 'data']) {
      mkdirSync(this.at(name), 0o755);
      if (this.#isOfNobody || name === 'scratch') chownSync(this.at(name), NOBODY, NOBODY);
    }
    await this.serve('--store', 'memory', '--publisher', publisher, '--socket-group', `${NOBODY}`, '--unmount-on-exit');
    this.#isOfNobody = true;
  }

  override start(...args: readonly string[]): ChildProcess {
    const env = { PATH: process.env.PATH, LANTERN_SOCKET: this.socket, XDG_RUNTIME_DIR: this.at('scratch') };
    const user = this.#isOfNobody ? { uid: NOBODY, gid: NOBODY } : {};
    return spawn(process.execPath, [this.#program, ...args], { env, ...user, cwd: '/' });
  }

  pod(securityContext: string): string {
    const file = this.file('pod.yaml', podOf(securityContext));
    chmodSync(file, 0o644);
    return file;
  }

  get root(): string {
    return this.at('roots', 'web');
  }
}

describe.runIf(isRoot && mayMount)('a caller without privileges, and a daemon of root (needs root)', () => {
  test('exec: the command gets at its volumes and reads its token, whomever the manifest names', async () => {
    await using shell = new Shell();
    await shell.begin('root', 'bind');
    const script = `stat -Lc '%a %u' "$LANTERN_ROOT/${TOKEN}"; test -s "$LANTERN_ROOT/${TOKEN}" && cat "$LANTERN_ROOT/${TOKEN}" > /dev/null && echo read; echo "$LANTERN_ROOT"`;
    const { code, stdout, stderr } = await shell.run(
      'exec',
      '-f',
      shell.pod(`runAsUser: ${OTHER}`),
      '--',
      'sh',
      '-c',
      script,
    );
    const [token, read] = stdout.split('\n');
    expect({ code, token, read, stderr }).toMatchObject({ code: 0, token: `600 ${NOBODY}`, read: 'read' });
  });

  test('pod mount says so where the pod is closed to the caller; --open opens it', async () => {
    await using shell = new Shell();
    await shell.begin('root', 'bind');
    const closed = await shell.run('pod', 'mount', '-f', shell.pod(''), shell.root);
    expect(closed.code).toBe(0);
    expect(closed.stderr).toMatch(
      /^note: you \(uid 65534\) cannot enter "\/.*\/web", .*securityContext.runAsUser .*--open\n$/,
    );
    expect(canDo({ uid: NOBODY }, 'ls', shell.root)).toBe(false);
    const open = await shell.run('pod', 'mount', '--open', '-f', shell.pod(''), shell.root);
    expect({ code: open.code, stderr: open.stderr }).toEqual({ code: 0, stderr: '' });
    expect([looks(shell.root), looks(`${shell.root}/app/${TOKEN}`)]).toEqual(['755 0:0', '644 0:0']);
    expect(canDo({ uid: OTHER }, 'cat', `${shell.root}/app/${TOKEN}`)).toBe(true);
    await shell.output('pod', 'unmount', 'web');
  });
});

test.runIf(isRoot)(
  'a daemon without privileges keeps others out by directories, and says so (needs root)',
  async () => {
    await using shell = new Shell();
    await shell.begin('nobody', 'direct');
    const { code, stderr } = await shell.run('pod', 'mount', '-f', shell.pod(`runAsUser: ${OTHER}`), shell.root);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: TokenNotGiven: the daemon lacks CAP_CHOWN .* files of the user 40001: .*\n$/);
    const token = `${shell.root}/app/${TOKEN}`;
    expect([looks(shell.root), looks(token)]).toEqual([`750 ${NOBODY}:${NOBODY}`, `644 ${NOBODY}:${NOBODY}`]);
    const readers = [NOBODY, OTHER, OTHER + 1].map((uid) => canDo({ uid }, 'cat', token));
    expect(readers).toEqual([true, true, false]);
    // Its own user it can give them to.
    const own = await shell.run('pod', 'mount', '-f', shell.pod(`runAsUser: ${NOBODY}`), shell.root);
    expect({ stderr: own.stderr, token: looks(token) }).toEqual({ stderr: '', token: `600 ${NOBODY}:${NOBODY}` });
    await shell.output('pod', 'unmount', 'web');
  },
);

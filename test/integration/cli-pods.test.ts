import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { LanternError } from '../../src/base/errors.ts';
import { endingOf } from '../../src/cli/exit.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { MountPodRequest__Output as MountPodRequest } from '../../src/rpc/generated/lantern/v1/MountPodRequest.ts';
import type { Pod } from '../../src/rpc/generated/lantern/v1/Pod.ts';
import type { ProjectorMethods } from '../../src/rpc/services.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { RecordedTerminal } from '../support/suite/recorded-terminal.ts';

const VALUE = 'pl4nted';

const pod = (name: string, more = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}${more}}\nspec: {containers: [{name: app, image: busybox}, {name: side, image: busybox}]}\n`;
const TWO = `${pod('one')}---\n${pod('two')}`;
const SECRET = 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n';

type Call = { readonly method: string; readonly request: object };

type Run = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly Call[];
};

/** Runs a command against a daemon with these methods; stdin is `manifest`. */
async function run(
  args: readonly string[],
  manifest = '',
  methods: Partial<ProjectorMethods> = {},
  signal = new AbortController().signal,
): Promise<Run> {
  const calls: Call[] = [];
  await using fixture = await RpcFixture.start({
    projector: {
      mountPod: async (request, context) => {
        calls.push({ method: 'mountPod', request });
        return methods.mountPod?.(request, context) ?? mounted(request);
      },
      unmountPod: async (request, context) => {
        calls.push({ method: 'unmountPod', request });
        return methods.unmountPod?.(request, context) ?? {};
      },
      listPods: async (request, context) => {
        calls.push({ method: 'listPods', request });
        return methods.listPods?.(request, context) ?? { pods: [] };
      },
    },
  });
  const terminal = new RecordedTerminal(manifest);
  const environment = { LANTERN_SOCKET: fixture.lanternSocket };
  const cli = { terminal, environment, user: { uid: 0 }, clock: systemClock, signal };
  let exitCode = 0;
  try {
    await createProgram(cli, { version: '1.2.3', runDaemon: async () => {} }).parseAsync(['pod', ...args], {
      from: 'user',
    });
  } catch (error) {
    const ending = endingOf(error, signal.aborted);
    exitCode = ending.exitCode;
    if (ending.message !== undefined) terminal.complain(`lantern: ${ending.message}`);
  }
  return { exitCode, stdout: terminal.printed.join('\n'), stderr: terminal.complaints.join('\n'), calls };
}

function mounted({ manifest, rootPath }: MountPodRequest) {
  const { name } = JSON.parse(manifest).metadata;
  const mounts = [
    { volumeName: 'v', mountPath: '/etc/v', targetPath: `${rootPath}/app/etc/v`, subPath: '' },
    { volumeName: 'v', mountPath: '/etc/\u001b[2J', targetPath: `${rootPath}/app/etc/x`, subPath: 'key' },
  ];
  return {
    pod: { namespace: 'default', name, rootPath },
    containers: [
      {
        name: 'app',
        image: 'redis',
        environment: [{ name: 'PASSWORD', value: Buffer.from(VALUE) }],
        credentials: [{ match: 'registry', password: VALUE }],
        mounts,
      },
      { name: 'side', mounts: [] },
    ],
    notices: [{ reason: 'Odd', message: 'looks wrong' }],
  };
}

describe('pod mount', () => {
  test('one pod is mounted at ROOT; a table, notices on stderr, and no value anywhere', async () => {
    const { exitCode, stdout, stderr, calls } = await run(['mount', '-f', '-', '/root-of', '-c', 'app'], pod('web'));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: 'warning: Odd: looks wrong' });
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['pod/web mounted at /root-of'],
      ['CONTAINER', 'MOUNT PATH', 'TARGET', 'VOLUME'],
      ['app', '/etc/v', '/root-of/app/etc/v', 'v'],
      ['app', '/etc/\\x1b[2J', '/root-of/app/etc/x', 'v [key]'],
    ]);
    expect(calls).toMatchObject([
      {
        method: 'mountPod',
        request: { rootPath: '/root-of', namespace: 'default', containers: ['app'], waitForObjects: false },
      },
    ]);
  });

  test('as json: variables by name, credentials not at all', async () => {
    const { stdout } = await run(['mount', '-f', '-', '/r', '-o', 'json'], pod('web'));
    expect(stdout).not.toContain(VALUE);
    expect(stdout).not.toContain(Buffer.from(VALUE).toString('base64'));
    const { pods } = JSON.parse(stdout);
    expect(pods).toMatchObject([
      {
        pod: { name: 'web', rootPath: '/r' },
        containers: [{ name: 'app', environment: ['PASSWORD'], mounts: [{ targetPath: '/r/app/etc/v' }, {}] }, {}],
        notices: [{ reason: 'Odd' }],
      },
    ]);
    expect(Object.keys(pods[0].containers[0])).not.toContain('credentials');
  });

  test('several pods are mounted below ROOT; objects beside them are told about', async () => {
    const { exitCode, stderr, calls } = await run(['mount', '-f', '-', '/r', '-n', 'team'], `${SECRET}---\n${TWO}`);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /^lantern: only the Pods are mounted; to store the objects beside them, run "lantern apply -f FILE"/,
    );
    const requests = calls.map(({ request }) => request);
    expect(requests).toMatchObject([
      { rootPath: '/r/one', namespace: 'team' },
      { rootPath: '/r/two', namespace: 'team' },
    ]);
  });

  test('a pod that is refused keeps no other out', async () => {
    const mountPod = async (request: MountPodRequest) => {
      if (request.rootPath.endsWith('/one')) throw new LanternError('already-exists', 'it is in the way');
      return mounted(request);
    };
    const { exitCode, stdout, stderr } = await run(['mount', '-f', '-', '/r'], TWO, { mountPod });
    expect(exitCode).toBe(1);
    expect(stdout).toContain('pod/two mounted at /r/two');
    expect(stderr).toContain('lantern: it is in the way');
  });

  const missing = () => new LanternError('failed-precondition', 'Secret "s" is missing', { reason: 'MISSING_OBJECTS' });

  test('it waits for what is missing, and mounts when it is there', async () => {
    const mountPod = async (request: MountPodRequest) => {
      if (!request.waitForObjects) throw missing();
      return mounted(request);
    };
    const { exitCode, stdout, calls } = await run(['mount', '-f', '-', '/r'], pod('web'), { mountPod });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('pod/web mounted at /r');
    expect(calls.map(({ request }) => request)).toMatchObject([{ waitForObjects: false }, { waitForObjects: true }]);
  });

  test('--wait 0s does not', async () => {
    const mountPod = async () => {
      throw missing();
    };
    const { exitCode, stderr, calls } = await run(['mount', '-f', '-', '/r', '--wait', '0s'], pod('web'), { mountPod });
    expect({ exitCode, stderr, calls: calls.length }).toEqual({
      exitCode: 1,
      stderr: 'lantern: Secret "s" is missing',
      calls: 1,
    });
  });

  test('when time is up the error says what is missing', async () => {
    const mountPod: ProjectorMethods['mountPod'] = async (request, signal) => {
      if (!request.waitForObjects) throw missing();
      return await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const args = ['mount', '-f', '-', '/r', '--wait', '600ms'];
    const { exitCode, stderr } = await run(args, pod('web'), { mountPod });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'lantern: waiting for up to 0.6 s: Secret "s" is missing\nlantern: Secret "s" is missing',
    });
  });

  test('an interruption ends the wait, here and in the daemon', async () => {
    const interruption = new AbortController();
    let cancelled = false;
    const mountPod: ProjectorMethods['mountPod'] = async (request, signal) => {
      if (!request.waitForObjects) throw missing();
      return await new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          cancelled = true;
          reject(signal.reason);
        });
        interruption.abort();
      });
    };
    const { exitCode, stderr } = await run(['mount', '-f', '-', '/r'], pod('web'), { mountPod }, interruption.signal);
    expect({ exitCode, stderr, cancelled }).toEqual({ exitCode: 1, stderr: 'lantern: interrupted', cancelled: true });
  });

  test.each<[string, readonly string[], string, number, RegExp]>([
    ['no ROOT', ['mount', '-f', '-'], pod('a'), 2, /missing required argument/],
    ['no file', ['mount', '/r'], '', 2, /one of -f FILE and -k DIR/],
    ['both', ['mount', '-f', '-', '-k', 'x', '/r'], '', 2, /-f and -k cannot be combined/],
    ['no directory', ['mount', '-k', '/no/such/directory', '/r'], '', 1, /read the directory "\/no\/such/],
    [
      'a duration that is none',
      ['mount', '-f', '-', '/r', '--wait', 'long'],
      pod('a'),
      2,
      /must be a duration such as 30s/,
    ],
    ['no Pod', ['mount', '-f', '-', '/r'], SECRET, 1, /no Pod found/],
    ['a misspelt kind', ['mount', '-f', '-', '/r'], `${pod('a')}---\n{apiVersion: v1, kind: Nodes}`, 1, /mean "Node"/],
    ['one name twice', ['mount', '-f', '-', '/r'], `${pod('a')}---\n${pod('a')}`, 1, /Pod "a": occurs more than once/],
    [
      'another namespace',
      ['mount', '-f', '-', '/r', '-n', 'x'],
      pod('a', ', namespace: elsewhere'),
      1,
      /names "elsewhere", but --namespace says "x"/,
    ],
    ['a path for a name', ['mount', '-f', '-', '/r'], pod('../a'), 1, /stdin: metadata\.name: must be/],
  ])('%s is refused before anything is asked', async (_name, args, manifest, code, problem) => {
    const { exitCode, stderr, calls } = await run(args, manifest);
    expect({ exitCode, calls }).toEqual({ exitCode: code, calls: [] });
    expect(stderr).toMatch(problem);
  });
});

describe('pod unmount', () => {
  test.each<[readonly string[], string, readonly object[], string]>([
    [['web'], '', [{ namespace: 'default', name: 'web', rootPath: '' }], 'pod/web unmounted'],
    [
      ['web', '/r', '-n', 'team'],
      '',
      [{ namespace: 'team', name: 'web', rootPath: '/r' }],
      'pod/web unmounted from /r',
    ],
    [['-f', '-'], pod('web', ', namespace: t'), [{ namespace: 't', name: 'web', rootPath: '' }], 'pod/web unmounted'],
    [['-f', '-', '/r'], pod('web'), [{ name: 'web', rootPath: '/r' }], 'pod/web unmounted from /r'],
    [
      ['-f', '-', '/r'],
      TWO,
      [
        { name: 'one', rootPath: '/r/one' },
        { name: 'two', rootPath: '/r/two' },
      ],
      'pod/one unmounted from /r/one\npod/two unmounted from /r/two',
    ],
  ])('%j', async (args, manifest, requests, text) => {
    const { exitCode, stdout, stderr, calls } = await run(['unmount', ...args], manifest);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: text, stderr: '' });
    expect(calls).toMatchObject(requests.map((request) => ({ method: 'unmountPod', request })));
  });

  test('a root alone: whatever was mounted with it, in any namespace', async () => {
    const pods: Pod[] = [
      { namespace: 'a', name: 'web', rootPath: '/r' },
      { namespace: 'b', name: 'two', rootPath: '/r/two' },
      { namespace: 'b', name: 'other', rootPath: '/r/two/three' },
      { namespace: 'b', name: 'elsewhere', rootPath: '/rr' },
    ];
    const listPods: ProjectorMethods['listPods'] = async () => ({ pods });
    const { exitCode, stdout, stderr, calls } = await run(['unmount', '/r/'], '', { listPods });
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: 'pod/web unmounted from /r\npod/two unmounted from /r/two',
      stderr: '',
    });
    expect(calls).toMatchObject([
      { method: 'listPods', request: { namespace: '' } },
      { method: 'unmountPod', request: { namespace: 'a', name: 'web', rootPath: '/r' } },
      { method: 'unmountPod', request: { namespace: 'b', name: 'two', rootPath: '/r/two' } },
    ]);
    const none = await run(['unmount', './none', '-n', 'a'], '', { listPods });
    expect(none).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('no pod is mounted at /') });
    expect(none.calls).toMatchObject([{ request: { namespace: 'a' } }]);
  });

  test.each([[[]], [['/r', 'a']], [['a', '/r', '/s']], [['-f', '-', '/r', '/s']]])(
    '%j is wrong usage',
    async (args) => {
      expect(await run(['unmount', ...args], pod('a'))).toMatchObject({ exitCode: 2, calls: [] });
    },
  );
});

describe('pod status', () => {
  const volumes: Pod['volumes'] = [
    { name: 'v', state: 'READY' },
    { name: 'w', state: 'STALE', lastError: 'gone\u001b[2J' },
  ];
  const pods: Pod[] = [
    { namespace: 'default', name: 'web', rootPath: '/r', volumes },
    { namespace: 'default', name: 'bare', rootPath: '/s' },
  ];
  const listPods: ProjectorMethods['listPods'] = async ({ pageToken }) =>
    pageToken === '' ? { pods: pods.slice(0, 1), nextPageToken: 'more' } : { pods: pods.slice(1) };

  test('a row for each volume, over all pages', async () => {
    const { stdout, calls } = await run(['status'], '', { listPods });
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['POD', 'ROOT', 'VOLUME', 'STATE', 'LAST ERROR'],
      ['web', '/r', 'v', 'ready'],
      ['web', '/r', 'w', 'stale', 'gone\\x1b[2J'],
      ['bare', '/s', '<none>'],
    ]);
    expect(calls).toMatchObject([{ request: { namespace: 'default' } }, { request: { pageToken: 'more' } }]);
  });

  test('of all namespaces, of one pod, as json', async () => {
    const { stdout, calls } = await run(['status', 'bare', '-A'], '', { listPods });
    expect(stdout).toMatch(/^NAMESPACE +POD .*\ndefault +bare +\/s +<none>$/);
    expect(calls).toMatchObject([{ request: { namespace: '' } }, {}]);
    const json = JSON.parse((await run(['status', 'web', '-o', 'json'], '', { listPods })).stdout);
    expect(json).toMatchObject({ pods: [{ name: 'web', rootPath: '/r', volumes: [{ state: 'READY' }, {}] }] });
  });

  test('none', async () => {
    expect(await run(['status'])).toMatchObject({ exitCode: 0, stdout: '', stderr: 'No pods are mounted.' });
    const named = await run(['status', 'gone'], '', { listPods });
    expect(named).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('pod "gone" is not mounted on this node'),
    });
  });
});

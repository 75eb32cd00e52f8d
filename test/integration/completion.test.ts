import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasProgram } from '../../scripts/prerequisites.mjs';
import { connect } from '../../src/rpc/client.ts';
import { type Shell, ShellOnTerminal } from '../support/host/shell-on-terminal.ts';
import { CommandLine } from '../support/suite/command-line.ts';

/** A shell that runs a part of one makes a file called marker. The first two characters tell them apart. */
const ODD_IDS = [
  'spaces in  it',
  "it's",
  'a "quoted" one',
  '$(touch marker)',
  'x;touch marker;#',
  'x&touch marker|x>marker',
  'vol:with:colons',
  '/dev/shm/path',
  'back\\slash',
  'bang!!',
  'glob*?[a]{b,c}',
  '$HOME~$x',
  'käse ☕',
  '%s=%d@host',
  'a "quoted" end"',
  "an end'",
  // Behind an escaped backtick, bash completes no further word.
  '`touch marker`',
].map((id, index) => `v${String.fromCharCode(97 + index)}${id}`);

const secret = (name: string, namespace: string) =>
  `---\napiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: ${namespace}}\nstringData: {k: v}\n`;
const SETTINGS = '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {k: v}\n';
const MANIFESTS = [secret('db-user', 'default'), secret('web-cert', 'default'), secret('queue', 'team-a'), SETTINGS];

let line: CommandLine;
beforeAll(async () => {
  line = new CommandLine();
  await line.serve('--store', 'memory');
  await line.runWithInput(MANIFESTS.join(''), 'apply', '-f', '-');
  using daemon = connect(line.socket);
  const mounts = ODD_IDS.map((volumeId, index) =>
    daemon.projector.mount({
      volumeId,
      targetPath: line.target(`t${index}`),
      namespace: 'default',
      definition: { source: { secret: { secretName: 'db-user' } } },
    }),
  );
  await Promise.all(mounts);
});
afterAll(async () => await line[Symbol.asyncDispose]());

const BASH_COMPLETION = '/usr/share/bash-completion/bash_completion';

const SHELLS: readonly [title: string, shell: Shell, isThere: boolean, preparation?: string][] = [
  ['bash', 'bash', true],
  ['bash with bash-completion', 'bash', existsSync(BASH_COMPLETION), `source ${BASH_COMPLETION}`],
  ['zsh (needs zsh)', 'zsh', hasProgram('zsh')],
  ['fish (needs fish)', 'fish', hasProgram('fish')],
];

describe.each(SHELLS)('%s', (_title, name, isThere, preparation) => {
  describe.runIf(isThere)('typed into a terminal', () => {
    let shell: ShellOnTerminal;
    beforeAll(async () => {
      shell = await ShellOnTerminal.start(name, line.socket, preparation);
    });
    afterAll(async () => await shell?.[Symbol.asyncDispose]());

    test.each<[string, ...string[]]>([
      ['descr\tsec\tx', 'describe', 'secretx'],
      ['get secret db\t', 'get', 'secret', 'db-user'],
      ['get secret -n te\tq\t', 'get', 'secret', '-n', 'team-a', 'queue'],
      ['-n te\tget secret q\t', '-n', 'team-a', 'get', 'secret', 'queue'],
      ['--names\tte\tver\tx', '--namespace', 'team-a', 'version', 'x'],
      ['get secret/w\tsecret/d\t', 'get', 'secret/web-cert', 'secret/db-user'],
      ['get cm s\t--output=y\t', 'get', 'cm', 'settings', '--output=yaml'],
      ['create sec\tg\tx', 'create', 'secret', 'generic', 'x'],
      [
        'mount --secret d\t--filename=ma\t-f ma\tro\tx',
        'mount',
        '--secret',
        'db-user',
        '--filename=made-here',
        '-f',
        'made-here',
        'room/x',
      ],
    ])('lantern %s', async (typed, ...expected) => {
      shell.makeFile('made-here');
      shell.makeDirectory('room');
      expect(await shell.argumentsOf(`lantern ${typed}`)).toEqual(expected);
    });

    test.each(['', "'", '"'])('odd names of volumes after %j', async (quote) => {
      const typed = ODD_IDS.map((id) => `${quote}${id.slice(0, 2)}\t`).join('');
      expect(await shell.argumentsOf(`lantern refresh ${typed}`)).toEqual(['refresh', ...ODD_IDS]);
      expect(existsSync(shell.at('marker'))).toBe(false);
    });
  });
});

describe('without answers', () => {
  const asked = ['__complete', 'zsh', '--', 'get', 'secret', ''];

  test('no daemon is nothing to say', async () => {
    const nowhere = [...asked.slice(0, 3), '--socket', line.at('nowhere'), ...asked.slice(3)];
    expect(await line.run(...nowhere)).toEqual({ code: 0, stdout: '', stderr: '' });
    const { stdout } = await line.run(...nowhere.slice(0, -1), '--sel');
    expect(stdout).toContain('--selector\t');
  });

  test('a daemon that hangs is not waited for', async () => {
    expect((await line.run(...asked)).stdout).toContain('db-user\tSecret\n');
    const pid = line.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await line.run(...asked)).toEqual({ code: 0, stdout: '', stderr: '' });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  test.each([
    [[]],
    [['sh']],
    [['bash']],
    [['bash', '--', '']],
    [['zsh', '--', 'nope', '']],
    [['zsh', '--', '-', '--x=', '']],
  ])('__complete %j ends in silence', async (args) => {
    const { stderr, code } = await line.run('__complete', ...args);
    expect({ stderr, code }).toEqual(
      args.length === 0 ? expect.objectContaining({ code: 2 }) : { stderr: '', code: 0 },
    );
  });
});

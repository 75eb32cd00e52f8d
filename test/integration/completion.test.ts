import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/rpc/client.ts';
import { hasShell, type Shell, ShellOnTerminal } from '../support/host/shell-on-terminal.ts';
import { CommandLine } from '../support/suite/command-line.ts';

/** What a volume may be called. The marker appears if a shell runs a part of it. */
const ODD_IDS = [
  'spaces in  it',
  "it's",
  'a "quoted" one',
  '$(touch marker)',
  '`touch marker`',
  'x;touch marker;#',
  'x&touch marker|x>marker',
  'vol:with:colons',
  '/dev/shm/path',
  'back\\slash',
  'bang!!',
  'glob*?[a]{b,c}',
  '$HOME~$(',
  'käse ☕',
  '%s=%d@host',
].map((id, index) => `v${String.fromCharCode(97 + index)}${id}`);

let line: CommandLine;
beforeAll(async () => {
  line = new CommandLine();
  await line.serve('--store', 'memory');
  const secret = (name: string, namespace: string) =>
    `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: ${namespace}}\nstringData: {k: v}\n`;
  const manifests = [secret('db-user', 'default'), secret('web-cert', 'default'), secret('queue', 'team-a')].join(
    '---\n',
  );
  const settings = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {k: v}\n';
  await line.runWithInput(`${manifests}---\n${settings}`, 'apply', '-f', '-');
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

describe.each<Shell>(['bash', 'zsh', 'fish'])('%s', (name) => {
  describe.runIf(hasShell(name))('(needs the shell)', () => {
    let shell: ShellOnTerminal;
    beforeAll(async () => {
      shell = await ShellOnTerminal.start(name, line.socket);
    });
    afterAll(async () => await shell[Symbol.asyncDispose]());

    test.each<[string, ...string[]]>([
      ['descr\t', 'describe'],
      ['get sec\tx', 'get', 'secretx'],
      ['get secret db\t', 'get', 'secret', 'db-user'],
      ['get secret -n team-a q\t', 'get', 'secret', '-n', 'team-a', 'queue'],
      ['get secret -n te\t', 'get', 'secret', '-n', 'team-a'],
      ['get secret/w\t', 'get', 'secret/web-cert'],
      ['get cm s\t', 'get', 'cm', 'settings'],
      ['get secrets --output=y\t', 'get', 'secrets', '--output=yaml'],
      ['get secrets -o y\t', 'get', 'secrets', '-o', 'yaml'],
      ['create sec\tg\t', 'create', 'secret', 'generic'],
      ['mount --secret d\t', 'mount', '--secret', 'db-user'],
    ])('lantern %s', async (typed, ...expected) => {
      expect(await shell.argumentsOf(`lantern ${typed}`)).toEqual(expected);
    });

    test.each(ODD_IDS)('the volume "%s"', async (id) => {
      expect(await shell.argumentsOf(`lantern volume ${id.slice(0, 2)}\t`)).toEqual(['volume', id]);
      expect(existsSync(shell.at('marker'))).toBe(false);
    });
  });
});

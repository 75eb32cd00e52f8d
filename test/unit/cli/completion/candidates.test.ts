import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { complete, type KnownNames } from '../../../../src/cli/completion/candidates.ts';
import { createProgram, loadAll } from '../../../../src/cli/program.ts';
import { RecordedTerminal } from '../../../support/suite/recorded-terminal.ts';

const signal = new AbortController().signal;
const cli = { terminal: new RecordedTerminal(), environment: {}, user: { uid: 0 }, clock: systemClock, signal };

/** Names say what was asked for. */
const NAMES: KnownNames = {
  currentNamespace: 'default',
  objects: async ({ kind }, namespace) => [`${kind}@${namespace}`],
  namespaces: async () => ['team-a'],
  volumes: async (namespace) => [`volume@${namespace}`],
  targets: async (namespace) => [`target@${namespace}`],
  pods: async (namespace) => [`pod@${namespace}`],
  roots: async (namespace) => [`root@${namespace}`],
};

/** The last word of the line is completed. */
async function completionOf(line: string) {
  const program = createProgram(cli, { version: '1', runDaemon: async () => {} });
  await loadAll(program);
  const { candidates, fallback } = await complete(
    program,
    line.split(' '),
    () => NAMES,
    async () => {},
  );
  return [...candidates.map(({ value }) => value), ...(fallback === 'none' ? [] : [`<${fallback}>`])];
}

const COLUMNS = ['custom-columns=', 'custom-columns-file='];

test.each<[string, string[]]>([
  ['get secret ', ['Secret@default']],
  ['get secret,sa -n team-a ', ['Secret@team-a', 'ServiceAccount@team-a']],
  ['get -A cm ', ['ConfigMap@']],
  ['get secret/', ['secret/Secret@default']],
  ['get secret a ', ['Secret@default']],
  ['get secret Secret@default ', []],
  ['get -n=x secret -- ', ['Secret@x']],
  ['get --namespace=', ['--namespace=team-a']],
  ['get secret -nt', ['-nteam-a']],
  ['-n x get secret ', ['Secret@x']],
  ['-n ', ['team-a']],
  ['-n=', ['-n=team-a']],
  ['--namespace=', ['--namespace=team-a']],
  ['-A -f ', ['<files>']],
  ['-n x -o y', ['yaml', 'json', 'name', 'wide', 'jsonpath=', 'jsonpath-file=', ...COLUMNS]],
  ['--timeout ', []],
  ['-', ['--version', '-V', '--socket', '--namespace', '-n', '--help', '-h']],
  ['-n x -', ['--version', '-V', '--socket', '--help', '-h']],
  ['wait --for=delete volume ', ['volume@']],
  ['wait --for=delete secret/', ['secret/Secret@default']],
  ['get pods ', []],
  ['mount --projected-volume ', ['ProjectedVolume@default']],
  ['mount ', ['<directories>']],
  ['unmount -n ', ['target@', '<directories>']],
  ['unmount --id ', ['volume@']],
  ['pod unmount ', ['pod@default', 'root@', '<directories>']],
  ['pod mount ', ['<directories>']],
  ['create token ', ['ServiceAccount@default']],
  ['create cm ', []],
  ['create sa x --dry-run ', ['none', 'client', 'server']],
  ['create -f ', ['<files>']],
  ['create -k ', ['<directories>']],
  ['apply --dry-run=', ['--dry-run=none', '--dry-run=client', '--dry-run=server']],
  ['apply -o ', ['yaml', 'json', 'name', 'jsonpath=', 'jsonpath-file=']],
  ['delete secret --cascade ', ['background', 'orphan', 'foreground', 'true', 'false']],
  ['label cm ', ['ConfigMap@default']],
  ['label -n x secret/', ['secret/Secret@x']],
  ['annotate sa -n x a ', ['ServiceAccount@x']],
  ['patch secret ', ['Secret@default']],
  ['patch secret x --type ', ['merge', 'json', 'strategic']],
  ['patch secret x --patch-file ', ['<files>']],
  ['replace -f ', ['<files>']],
  ['diff -k ', ['<directories>']],
  ['serve --isolation ', ['namespace', 'volume']],
  ['serve --key-file ', ['<files>']],
  ['events --types ', ['Normal', 'Warning']],
  ['events --for volume/', ['volume/volume@']],
  ['events --for cm/', ['cm/ConfigMap@default']],
  ['create cm x --from-file ', ['<files>']],
  ['exec -f x -- ', ['<commands>']],
  ['exec -f x -- a -', ['<files>']],
  ['help pod ', ['mount', 'unmount', 'status', 'help']],
  ['config set ', ['namespace', 'socket']],
  ['config set namespace ', ['team-a']],
  ['config set socket ', ['<files>']],
  ['config unset ', ['namespace', 'socket']],
  ['nope ', []],
])('lantern %s', async (line, expected) => {
  expect(await completionOf(line)).toEqual(expected);
});

test('flags of a command that need not be named are offered, but not behind another', async () => {
  expect(await completionOf('create -')).toContain('--kustomize');
  expect(await completionOf('create secret tls x -')).not.toContain('--kustomize');
});

test('flags are offered once, unless they can be repeated', async () => {
  expect(await completionOf('get secrets -o yaml -')).not.toContain('--output');
  expect(await completionOf('-n x get secrets -')).not.toContain('--namespace');
  expect(await completionOf('apply -f x -')).toContain('--filename');
  expect(await completionOf('doctor -')).not.toContain('--probe');
  expect(await completionOf('pod status -')).toEqual(
    expect.arrayContaining(['--socket', '--namespace', '-A', '--help']),
  );
});

test('every kind is offered with all of its names, and events only where they are taken', async () => {
  expect(await completionOf('get ')).toEqual(
    expect.arrayContaining(['secrets', 'secret', 'cm', 'sa', 'events', 'all']),
  );
  expect(await completionOf('wait ')).toEqual(expect.arrayContaining(['secret', 'volume']));
  for (const word of ['events', 'all', 'volume']) expect(await completionOf('delete ')).not.toContain(word);
});

test('commands are offered behind flags', async () => {
  for (const flags of ['-n x -A', '-n get', '-A=true', '--context x']) {
    expect(await completionOf(`${flags} `)).toContain('get');
  }
  expect(await completionOf('--socket ')).toEqual(['<files>']);
});

test('hidden commands are not offered', async () => {
  expect(await completionOf('_')).not.toContain('__complete');
});

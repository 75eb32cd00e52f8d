import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Cli } from '../../../src/cli/command.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { readKeptSettings, settingOf, settingsFile } from '../../../src/cli/settings.ts';
import { isRoot, looks, NOBODY } from '../../support/host/privileges.ts';
import { lanternErrorOf } from '../../support/suite/expectations.ts';
import { RecordedTerminal } from '../../support/suite/recorded-terminal.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

const uid = process.getuid?.() ?? -1;

function cliIn(directory: TempDir, environment: Record<string, string> = {}) {
  return {
    terminal: new RecordedTerminal(),
    environment: { HOME: directory.path, ...environment },
    user: { uid },
    clock: systemClock,
    signal: new AbortController().signal,
  } satisfies Cli;
}

/** Writes the file as a user would. */
function keep(directory: TempDir, text: string, mode = 0o600): string {
  mkdirSync(directory.at('.config/lantern'), { recursive: true });
  const path = directory.at('.config/lantern/config.json');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const host = { version: '1.2.3', runDaemon: async () => {} };

test('a flag wins over the environment, that over the file, and that over the default', () => {
  using directory = new TempDir();
  expect(settingOf(cliIn(directory), 'namespace', undefined)).toEqual({ value: 'default', from: 'default' });
  keep(directory, '{"namespace": "kept", "socket": "/kept.sock"}');
  expect(settingOf(cliIn(directory), 'namespace', undefined)).toEqual({ value: 'kept', from: 'file' });
  expect(settingOf(cliIn(directory), 'socket', undefined)).toEqual({ value: '/kept.sock', from: 'file' });
  const cli = cliIn(directory, { LANTERN_NAMESPACE: 'var', LANTERN_SOCKET: '' });
  expect(settingOf(cli, 'namespace', undefined)).toEqual({ value: 'var', from: 'environment' });
  expect(settingOf(cli, 'namespace', 'flag')).toEqual({ value: 'flag', from: 'flag' });
  expect(settingOf(cli, 'socket', undefined)).toEqual({ value: '/kept.sock', from: 'file' });
});

test('a variable that is no namespace', () => {
  using directory = new TempDir();
  const cli = cliIn(directory, { LANTERN_NAMESPACE: 'No' });
  expect(lanternErrorOf(() => settingOf(cli, 'namespace', undefined)).message).toMatch(/^LANTERN_NAMESPACE: must be/);
});

test.each([
  [{ XDG_CONFIG_HOME: '/x', HOME: '/h' }, '/x/lantern/config.json'],
  [{ XDG_CONFIG_HOME: 'x', HOME: '/h' }, '/h/.config/lantern/config.json'],
  [{ HOME: '' }, undefined],
  [{}, undefined],
])('the file of %j', (environment, expected) => {
  expect(settingsFile({ environment })).toBe(expected);
});

describe('a bad file', () => {
  test.each<[string, RegExp]>([
    ['namespace: shop', /config\.json: is not JSON; write \{"namespace": "shop"\}/],
    ['', /config\.json: is not JSON/],
    ['[]', /config\.json: must be a mapping, not a list/],
    ['{"namespce": "shop"}', /config\.json: namespce: unknown field; did you mean "namespace"\?/],
    ['{"context": "shop"}', /config\.json: context: unknown field; known here: namespace, socket/],
    ['{"namespace": 7}', /config\.json: namespace: must be a string, not a number/],
    ['{"namespace": "No"}', /config\.json: namespace: must be a DNS-1123 label/],
    ['{"socket": "lantern.sock"}', /config\.json: socket: must be an absolute path/],
    [`{"namespace": "${'a'.repeat(20_000)}"}`, /config\.json": its \d+ bytes exceed 16 KiB/],
  ])('%.40s', (text, expected) => {
    using directory = new TempDir();
    keep(directory, text);
    expect(lanternErrorOf(() => readKeptSettings(cliIn(directory))).message).toMatch(expected);
  });

  test('all faults at once', () => {
    using directory = new TempDir();
    keep(directory, '{"namespace": 7, "sockt": "/s"}');
    expect(lanternErrorOf(() => readKeptSettings(cliIn(directory))).faults).toHaveLength(2);
  });

  test.each([0o602, 0o620, 0o666])('others can write to it: %o', (mode) => {
    using directory = new TempDir();
    keep(directory, '{"socket": "/trap.sock"}', mode);
    expect(lanternErrorOf(() => readKeptSettings(cliIn(directory))).message).toMatch(/others can write.*chmod/);
  });

  test.runIf(isRoot)('of another user (needs root)', () => {
    using directory = new TempDir();
    chownSync(keep(directory, '{"socket": "/trap.sock"}'), NOBODY, NOBODY);
    expect(lanternErrorOf(() => readKeptSettings(cliIn(directory))).message).toMatch(/belongs to user 65534.*sudo -H/);
  });

  test('a directory in its place', () => {
    using directory = new TempDir();
    mkdirSync(directory.at('.config/lantern/config.json'), { recursive: true });
    expect(lanternErrorOf(() => readKeptSettings(cliIn(directory))).message).toMatch(/not a regular file/);
  });

  test('does not matter to a command that is told all it needs', async () => {
    using directory = new TempDir();
    keep(directory, 'nonsense');
    const cli = cliIn(directory, { LANTERN_NAMESPACE: 'shop' });
    const words = ['create', 'cm', 'x', '--dry-run=client', '-o', 'name'];
    expect(await runProgram(cli, host, words)).toEqual({ exitCode: 0, message: undefined });
    expect(await runProgram(cliIn(directory), host, words)).toMatchObject({ exitCode: 1 });
  });
});

describe('lantern config', () => {
  async function type(directory: TempDir, line: string, environment: Record<string, string> = {}) {
    const cli = cliIn(directory, environment);
    const { exitCode, message } = await runProgram(cli, host, line.split(' '));
    return { exitCode, message, printed: cli.terminal.printed };
  }

  test('sets, shows and unsets, in a file of its own', async () => {
    using directory = new TempDir();
    const path = directory.at('.config/lantern/config.json');
    expect(await type(directory, 'config set namespace shop')).toMatchObject({
      printed: ['Property "namespace" set.'],
    });
    await type(directory, 'config set socket run/my.sock');
    expect(looks(path)).toMatch(/^600 /);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      namespace: 'shop',
      socket: `${process.cwd()}/run/my.sock`,
    });
    expect((await type(directory, 'config view --socket /f', { LANTERN_NAMESPACE: 'v' })).printed).toEqual([
      'SETTING     VALUE   FROM',
      'namespace   v       environment',
      'socket      /f      flag',
    ]);
    const [, namespace = ''] = (await type(directory, 'config view')).printed;
    expect(namespace.split(/ {3,}/)).toEqual(['namespace', 'shop', path]);
    expect(await type(directory, 'config unset socket')).toMatchObject({ printed: ['Property "socket" unset.'] });
    await type(directory, 'config set-context --namespace=team --current');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ namespace: 'team' });
  });

  test.each([
    ['config set namespace Shop!', /^namespace: must be a DNS-1123 label/],
    ['config set context x', /Allowed choices are namespace, socket/],
    ['config set namespace', /missing required argument 'VALUE'/],
  ])('lantern %s keeps nothing', async (line, expected) => {
    using directory = new TempDir();
    expect(await type(directory, line)).toMatchObject({ exitCode: 2, message: expect.stringMatching(expected) });
    expect(readKeptSettings(cliIn(directory))).toEqual({});
  });

  test('settings that are kept at the same time are all kept', async () => {
    using directory = new TempDir();
    const lines = ['config set namespace shop', 'config set socket /s', 'config set namespace shop', 'config view'];
    for (const { exitCode } of await Promise.all(lines.map((line) => type(directory, line)))) expect(exitCode).toBe(0);
    expect(readKeptSettings(cliIn(directory))).toEqual({ namespace: 'shop', socket: '/s' });
    expect(readdirSync(directory.at('.config/lantern'))).toEqual(['config.json']);
  });

  test('a link to the file stays one', async () => {
    using directory = new TempDir();
    keep(directory, '{}');
    writeFileSync(directory.at('dotfile'), '{}', { mode: 0o600 });
    mkdirSync(directory.at('x/lantern'), { recursive: true });
    symlinkSync(directory.at('dotfile'), directory.at('x/lantern/config.json'));
    await type(directory, 'config set namespace shop', { XDG_CONFIG_HOME: directory.at('x') });
    expect(readlinkSync(directory.at('x/lantern/config.json'))).toBe(directory.at('dotfile'));
    expect(readFileSync(directory.at('dotfile'), 'utf8')).toContain('shop');
  });

  test('without a home', async () => {
    using directory = new TempDir();
    const answer = await type(directory, 'config set namespace shop', { HOME: '' });
    expect(answer).toMatchObject({ exitCode: 1, message: expect.stringMatching(/set HOME or XDG_CONFIG_HOME/) });
  });
});

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { readValues, type ValueOptions } from '../../../../src/cli/changing/create-object.ts';
import { RecordedTerminal } from '../../../support/suite/recorded-terminal.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

async function read(options: ValueOptions, terminal = new RecordedTerminal('from stdin')) {
  const environment = { HOME: '/home/me' };
  const cli = { terminal, environment, user: { uid: 0 }, clock: systemClock, signal: new AbortController().signal };
  const values = await readValues(options, cli);
  return Object.fromEntries([...values].map(([key, bytes]) => [key, Buffer.from(bytes).toString()]));
}

test('a file under its own name or another, and stdin', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('a.txt'), 'A');
  expect(await read({ fromFile: [dir.at('a.txt'), `b=${dir.at('a.txt')}`, 'c=-'] })).toEqual({
    'a.txt': 'A',
    b: 'A',
    c: 'from stdin',
  });
  expect(await read({ fromFile: ['k=/dev/stdin'] })).toEqual({ k: 'from stdin' });
});

test('a directory stands for its regular files that can be keys', async () => {
  using dir = new TempDir();
  for (const name of ['b', '.hidden', '..no', 'not a key']) writeFileSync(dir.at(name), name);
  mkdirSync(dir.at('below'));
  symlinkSync('b', dir.at('link'));
  const terminal = new RecordedTerminal();
  expect(await read({ fromFile: [dir.path] }, terminal)).toEqual({ '.hidden': '.hidden', b: 'b' });
  expect(terminal.complaints).toEqual([
    `lantern: "${dir.at('..no')}" skipped: its name is not a valid key`,
    `lantern: "${dir.at('not a key')}" skipped: its name is not a valid key`,
  ]);
});

test('a literal is split at its first equals sign and kept as it stands', async () => {
  const fromLiteral = ['a=b=c', 'quoted="x"', 'empty=', '__proto__=p'];
  expect([...Object.entries(await read({ fromLiteral }))]).toEqual([
    ['a', 'b=c'],
    ['quoted', '"x"'],
    ['empty', ''],
    ['__proto__', 'p'],
  ]);
});

test('environment files, one after the other', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('one'), 'A=1\nHOME\n');
  writeFileSync(dir.at('two'), 'B=2');
  expect(await read({ fromEnvFile: [dir.at('one'), dir.at('two')] })).toEqual({ A: '1', HOME: '/home/me', B: '2' });
  writeFileSync(dir.at('two'), 'fine=1\n pl4nted v4lue');
  const failure = read({ fromEnvFile: [dir.at('two')] });
  await expect(failure).rejects.toThrow(`${dir.at('two')}: line 2: must start with the name of a variable`);
  await expect(failure).rejects.not.toThrow('pl4nted');
});

test.each<[string, ValueOptions, string]>([
  ['twice', { fromLiteral: ['k=a', 'k=b'] }, 'cannot add key k, another key by that name already exists'],
  ['not a key', { fromLiteral: ['a/b=c'] }, 'key "a/b": a key has letters'],
  [
    'no such file',
    { fromFile: ['/no/such/file'] },
    'read "/no/such/file": no such file or directory (ENOENT); create it, or name another',
  ],
])('%s', async (_, options, message) => {
  await expect(read(options)).rejects.toThrow(message);
});

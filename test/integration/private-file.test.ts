import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { compiled } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

let program: string;
beforeAll(() => {
  program = compiled('test/support/stores/private-file-child.ts');
});

test.each([
  ['SIGKILL', 'a new file', false],
  ['SIGKILL', 'one that is replaced', true],
  ['SIGTERM', 'a new file', false],
  ['SIGHUP', 'a new file', false],
] as const)('a process that %s ends while it writes %s leaves nothing of it', async (signal, _, replace) => {
  using directory = new TempDir('/dev/shm');
  const path = directory.at('file');
  if (replace) writeFileSync(path, 'old');
  const child = spawn(process.execPath, [program, path, String(replace)]);
  const over = once(child, 'exit');
  try {
    expect(String((await once(child.stdout, 'data'))[0])).toBe('half\n');
  } finally {
    child.kill(signal);
  }
  expect(await over).toEqual([null, signal]);
  expect(readdirSync(directory.path)).toEqual(replace ? ['file'] : []);
  if (replace) expect(readFileSync(path, 'utf8')).toBe('old');
});

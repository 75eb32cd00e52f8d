import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import koffi from 'koffi';
import { describe, expect, test } from 'vitest';
import { hardenProcess, lockFile } from '../../../../src/mount/linux/process-calls.ts';
import { openDescriptors } from '../../../support/host/process.ts';
import { lanternErrorOf } from '../../../support/suite/expectations.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

test('no core file, and no reading of memory by others of the same user', () => {
  const PR_GET_DUMPABLE = 3;
  const PR_SET_DUMPABLE = 4;
  const prctl: (option: number, value: number) => number = koffi.load(null).func('prctl', 'int', ['int', 'ulong']);
  // Another file's daemon may have hardened this process before.
  prctl(PR_SET_DUMPABLE, 1);
  expect(prctl(PR_GET_DUMPABLE, 0)).toBe(1);
  hardenProcess();
  expect(prctl(PR_GET_DUMPABLE, 0)).toBe(0);
  expect(readFileSync('/proc/self/limits', 'utf8')).toMatch(/^Max core file size +0 +0 /m);
});

describe('lockFile', () => {
  test('one holder at a time; the next one is told who', () => {
    using dir = new TempDir();
    const path = dir.at('lock');
    writeFileSync(path, '12345678901234567890\nleft by a daemon before\n');
    const before = openDescriptors();
    const lock = lockFile(path);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(lanternErrorOf(() => lockFile(path))).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining(`the process ${process.pid} holds it`),
    });
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();
    lockFile(path)[Symbol.dispose]();
    expect(openDescriptors()).toBe(before);
  });

  test('a killed holder holds nothing; a child of the holder does not inherit it', async () => {
    using dir = new TempDir();
    const path = dir.at('lock');
    const holder = spawn('flock', ['--no-fork', path, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    holder.stdin.write('locked\n');
    await once(holder.stdout, 'data');
    expect(lanternErrorOf(() => lockFile(path)).message).toContain('another process holds it');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const lock = lockFile(path);
    const inherited = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    lock[Symbol.dispose]();
    expect(inherited).not.toContain(path);
  });

  test('the file is for its owner only', () => {
    using dir = new TempDir();
    using _lock = lockFile(dir.at('lock'));
    expect(statSync(dir.at('lock')).mode & 0o777).toBe(0o600);
  });

  test('refuses what is no regular file', () => {
    using dir = new TempDir();
    mkdirSync(dir.at('directory'));
    symlinkSync('elsewhere', dir.at('link'));
    for (const name of ['directory', 'link']) expect(() => lockFile(dir.at(name))).toThrow(/open the lock file/);
  });
});
